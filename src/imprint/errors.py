"""What can go wrong, sorted by what the reader has to do about it.

ImprintError        every error of ours; `exit_status` 2: it could not
UsageError        call it in another way
ProjectError      edit schema/
RawError          restore or mend a file under raw/
MachineError      free the disk, give the rights, stop the other build
HubError          mend the token, the name or the network
DatasetError      build or fetch the dataset again; `exit_status` 1
RefusedError      what is there does not allow it, nothing was changed; `exit_status` 1
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = 20
"""How many faults an error prints before it only counts them. Chosen: one screen."""

SEEN_CHARACTERS = 60
"""How much of an offending value a fault repeats. Chosen: half a line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, told so that it can be mended without asking anyone."""

    place: str
    """Where: `schema/dataset.toml:14`, `raw/2022/13.jsonl:4127`, `org/name`."""
    seen: str
    """What stands there."""
    wanted: str
    """What would have been right."""
    fix: str
    """An order that names a file, a key or a command."""

    def __str__(self) -> str:
        return escape(f"{self.place}: {self.seen}, wanted {self.wanted}. To fix: {self.fix}.")


class ImprintError(Exception):
    """The base of all errors that imprint raises on purpose.

    Attributes:
        faults: every fault of this kind that was found, in the order of the places.
        exit_status: what the command line exits with.
    """

    exit_status: ClassVar[int] = 2

    def __init__(self, faults: Fault | Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return a line a fault, at most `SHOWN` of them and then how many more there are."""
        shown = [str(fault) for fault in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            shown.append(f"and {len(self.faults) - SHOWN} more")
        return shown


class UsageError(ImprintError):
    """The call itself is wrong: call it in another way."""


class ProjectError(ImprintError):
    """Something in schema/ has to be edited."""


class RawError(ImprintError):
    """A file under raw/ has to be restored or mended."""


class MachineError(ImprintError):
    """The disk, the rights or another process stand in the way."""


class HubError(ImprintError):
    """The token, the repository's name or the network has to be mended."""


class DatasetError(ImprintError):
    """A dataset is missing, half there or altered: build or fetch it again."""

    exit_status = 1


class RefusedError(ImprintError):
    """The state of things does not allow it; nothing was changed."""

    exit_status = 1


def seen(value: object) -> str:
    """Return `value` as it is quoted in a fault, cut to `SEEN_CHARACTERS`.

    >>> seen("a" * 100)[-6:], len(seen("a" * 100))
    ('aaa...', 60)
    """
    text = repr(value)
    return text if len(text) <= SEEN_CHARACTERS else text[: SEEN_CHARACTERS - 3] + "..."


def escape(text: str) -> str:
    r"""Return `text` with every control character and line break made visible.

    Terminals obey control sequences, so nothing from a file reaches one as it stands.

    >>> print(escape("a\x1b[31m\nb"))
    a\x1b[31m\nb
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
