"""What a person decided on proposals: accepted ones become errata, rejected ones are remembered.

Both are written behind what stands in the files of schema/, which is kept byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.project import DECISIONS, ERRATA
from imprint.swap import machine_faults, write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imprint.project import Project

NEW = {
    ERRATA: "# Reviewed corrections.\n",
    DECISIONS: "# What a reviewer decided: proposals of imprint suggest that are none.\n",
}
"""What a file begins with that is not there yet."""


def decided(project: Project) -> tuple[set[str], set[frozenset[str]]]:
    """Return the words that have an erratum, and the pairs of which both words are right."""
    wrongs = {each.wrong for each in project.errata if each.match != "regex"}
    return wrongs, {frozenset((each.wrong, each.right)) for each in project.rejected}


def keep(
    project: Project, accepted: Sequence[dict[str, str]], rejected: Sequence[dict[str, str]]
) -> None:
    """Write down what was decided.

    Args:
        project: whose schema/ it is.
        accepted: errata, each with `wrong`, `right` and `why`.
        rejected: pairs, each with `wrong` and `right`.

    Raises:
        MachineError: the disk is full, or schema/ cannot be written to.
    """
    written = []
    for name, table, entries in (
        (ERRATA, "erratum", accepted),
        (DECISIONS, "rejected", rejected),
    ):
        if entries:
            path = project.root / name
            written.append((path, _with(path, name, table, entries)))
    for path, content in written:
        write_file(path, content)


def _with(path: Path, name: str, table: str, entries: Sequence[dict[str, str]]) -> bytes:
    """Return a file of schema/ with entries behind those that it has."""
    import tomlrt

    with machine_faults(path):
        before = path.read_bytes().decode("utf-8") if path.exists() else NEW[name]
    ending = "\r\n" if "\r\n" in before else "\n"
    after = before if before.endswith("\n") or not before else before + ending
    for entry in entries:
        lines = tomlrt.dumps(entry).replace("\n", ending)
        after += f"{ending if after else ''}[[{table}]]{ending}{lines}"
    try:
        tomlrt.loads(after)
    except ValueError:  # it is a list in brackets
        document = tomlrt.loads(before)
        document[table].extend(entries)
        after = tomlrt.dumps(document)
    return after.encode()
