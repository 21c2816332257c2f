"""Take a batch through a function of the curator's, and write on each record what it did.

It is the one place where a project's own code runs. The function sees the records that are not
rejected, with their published columns; what it returns is held to what it was given before anything
is made of it. What it raises is told with the file, the line and the record.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import Fault, ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt
    import polars as pl
    import pyarrow as pa

    from imprint.steps import StepCode

    Step = Callable[[pa.RecordBatch], Any]

FIXED = ("id", "raw_file", "raw_index", "raw_sha256", "corrections")
"""Columns that say where a record comes from and what was done to it: no step changes them."""

PLACE = ("raw_file", "raw_index")
"""What tells one record of a batch from every other."""

MARK = "step:"
"""What stands before the name of a step in `corrections`. Source: README."""

SAID = 200
"""Characters of an exception's message that a fault repeats. Chosen: two lines of a terminal."""


def take(batch: pa.RecordBatch, code: StepCode, names: Sequence[str]) -> pa.RecordBatch:
    """Give a batch to a step, and take back what it makes of it.

    Args:
        batch: n records. Records that are rejected or have no text are not given to the step.
        code: the step.
        names: the published columns, in their order.

    Returns:
        n records in the same order: with the values that the step returned, and with `_reason`
        "step" where it left the record out. A text that it changed is not clean yet.

    Raises:
        ProjectError: the step raised, or returned what is no part of its batch.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    known = [name for name in names if name in batch.schema.names]
    texts = pc.fill_null(pc.not_equal(batch["text"], ""), fill_value=False)
    open_rows = pc.and_(pc.is_null(batch["_reason"]), texts)
    rows = np.flatnonzero(open_rows.to_numpy(zero_copy_only=False))
    if not len(rows):
        return batch
    given = batch.select(known)
    given = given if len(rows) == len(batch) else given.take(pa.array(rows))
    returned = _run(given, code)
    found = _found(given, returned, code)
    places = np.full(len(batch), -1)
    places[rows] = found
    at = pa.array(places, mask=places < 0)
    for name in known:
        if not returned[name].equals(given[name]):
            column = pc.if_else(at.is_valid(), returned[name].take(at), batch[name])
            batch = _replaced(batch, name, column)
    dropped = np.zeros(len(batch), dtype=np.bool_)
    dropped[rows] = found < 0
    return _rejected(batch, pa.array(dropped), f'"{code.run}" dropped it')


def note(
    before: pa.RecordBatch, after: pa.RecordBatch, code: StepCode, names: Sequence[str]
) -> pa.RecordBatch:
    """Write on each record that a step changed which columns it changed.

    Args:
        before: n records as the step was given them.
        after: the same as it left them, clean.
        code: the step.
        names: the published columns.

    Returns:
        `after` with an entry in `corrections` of every record that differs: `wrong` is "step:" and
        the step's name, `right` the columns. One that has no text any more is rejected.
    """
    import polars as pl

    open_rows = pl.Series(pl.from_arrow(after["_reason"])).is_null()
    changed = {}
    for name in names:
        if name in before.schema.names and not after[name].equals(before[name]):
            old, new = (pl.Series(pl.from_arrow(each[name])) for each in (before, after))
            changed[name] = old.ne_missing(new) & open_rows
    if not changed:
        return after
    if "text" in changed:
        text = pl.Series(pl.from_arrow(after["text"]))
        emptied = changed["text"] & (text.is_null() | (text == ""))
        after = _rejected(after, emptied.to_arrow(), f'"{code.run}" left nothing of its text')
        changed = {name: rows & ~emptied for name, rows in changed.items()}
    return _with_entries(after, MARK + code.run, pl.DataFrame(changed))


def _with_entries(batch: pa.RecordBatch, wrong: str, changed: pl.DataFrame) -> pa.RecordBatch:
    """Put an entry behind those that a record has in `corrections`.

    Args:
        batch: n records.
        wrong: names the step.
        changed: n rows with a truth value for each column that the step changed anywhere.
    """
    import numpy as np
    import polars as pl
    import pyarrow as pa
    import pyarrow.compute as pc

    from imprint.records import CORRECTIONS

    rows = changed.select(pl.any_horizontal(pl.all())).to_series()
    names = [pl.when(pl.col(name)).then(pl.lit(name)) for name in changed.columns]
    right = changed.filter(rows).select(pl.concat_str(names, separator=", ", ignore_nulls=True))
    picked = rows.arg_true().to_numpy()
    new = pa.StructArray.from_arrays(
        [
            pa.repeat(pa.scalar(wrong), len(picked)),
            right.to_series().to_arrow().cast(pa.string()),
            pa.repeat(pa.scalar(1, pa.int32()), len(picked)),
        ],
        fields=list(CORRECTIONS.value_type),
    )
    lengths = pc.list_value_length(batch["corrections"]).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    old = pc.list_flatten(batch["corrections"])
    order = np.insert(np.arange(len(old)), ends[picked], len(old) + np.arange(len(picked)))
    lengths = lengths + rows.to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    values = pa.concat_arrays([old, new]).take(pa.array(order))
    column = pa.ListArray.from_arrays(offsets, values, CORRECTIONS)
    return _replaced(batch, "corrections", column)


def _rejected(batch: pa.RecordBatch, rows: pa.Array, detail: str) -> pa.RecordBatch:
    """Reject the given rows, none of which is rejected yet."""
    import pyarrow.compute as pc

    for name, value in (("_reason", "step"), ("_detail", detail)):
        batch = _replaced(batch, name, pc.if_else(rows, value, batch[name]))
    return batch


def _replaced(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    """Return the batch with another column in the place of one."""
    return batch.set_column(batch.schema.get_field_index(name), name, column)


def _run(given: pa.RecordBatch, code: StepCode) -> pa.RecordBatch:
    """Call the function; return what it gives if it is a batch of the same columns."""
    import pyarrow as pa

    function = _load(code)
    returned, error = _call(function, given)
    if error is not None:
        raise ProjectError(_raised(function, given, code, error)) from error
    place, name = _place(code, function), code.function
    if not isinstance(returned, pa.RecordBatch):
        kind = type(returned).__name__
        seen, fix = f"{name} returned a {kind}", f"let {name} return a batch"
        raise ProjectError(Fault(place, seen, "a pyarrow.RecordBatch", fix))
    faults = list(_form_faults(given, returned, place, name))
    if faults:
        raise ProjectError(faults)
    return returned


def _call(function: Step, given: pa.RecordBatch) -> tuple[Any, BaseException | None]:
    """Return what the function gives, or what it raises; what it prints is no result of ours."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return function(given), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the curator is told
        return None, error


def _raised(function: Step, given: pa.RecordBatch, code: StepCode, error: BaseException) -> Fault:
    """Return the fault of what a function raised, on the fewest records that make it raise."""
    while len(given) > 1:
        half = len(given) // 2
        for part in (given.slice(0, half), given.slice(half)):
            _, found = _call(function, part)
            if found is not None:
                given, error = part, found
                break
        else:
            break
    last = f" to {_record(given, len(given) - 1)}" if len(given) > 1 else ""
    where = f"record{'s' if last else ''} {_record(given, 0)}{last}"
    return Fault(
        _place(code, function, error),
        f"{code.function} raised {_said(error)} on {where}",
        "a batch of the same columns",
        f"mend {code.function}, or let it pass such a record on as it is",
    )


def _form_faults(
    given: pa.RecordBatch, returned: pa.RecordBatch, place: str, function: str
) -> Iterator[Fault]:
    """Yield what is wrong with the columns of a batch that a function returned."""
    fix = f"let {function} return the columns of its batch, under their names and with their types"
    known, there = given.schema.names, returned.schema.names
    for name in known:
        if there.count(name) != 1:
            count = f"{there.count(name)} times" if name in there else "no more"
            seen = f'{function} returned the column "{name}" {count}'
            yield Fault(place, seen, "it once", fix)
        elif returned[name].type != given[name].type:
            seen = f'{function} returned the column "{name}" as {returned[name].type}'
            yield Fault(place, seen, str(given[name].type), fix)
    for name in there:
        if name not in known:
            seen = f'{function} returned a column "{name}"'
            yield Fault(place, seen, f"one of {', '.join(known)}", fix)


def _found(
    given: pa.RecordBatch, returned: pa.RecordBatch, code: StepCode
) -> npt.NDArray[np.int64]:
    """Return where each record that was given stands in what was returned; -1 for nowhere."""
    import numpy as np
    import polars as pl

    if all(returned[name].equals(given[name]) for name in FIXED):
        return np.arange(len(given))
    place, function = _place(code, _load(code)), code.function
    fix = f"let {function} return records of its batch only, each once, with {', '.join(FIXED)} "
    fix += "as they are"
    old = pl.DataFrame(pl.from_arrow(given.select(PLACE))).with_row_index("at")
    new = pl.DataFrame(pl.from_arrow(returned.select(PLACE))).with_row_index("row")
    found = new.join(old, on=PLACE, how="left", maintain_order="left")
    stranger = found["at"].is_null().arg_true()
    for row in stranger.head(1):
        seen = f"{function} returned a record that it was not given, {_record(returned, row)}"
        raise ProjectError(Fault(place, seen, "records of its batch", fix))
    for row in found["at"].is_duplicated().arg_true().head(1):
        seen = f"{function} returned record {_record(returned, row)} twice"
        raise ProjectError(Fault(place, seen, "it once, or not at all", fix))
    was = given.take(found["at"].to_arrow())
    for name in FIXED:
        differs = pl.Series(pl.from_arrow(was[name])).ne_missing(pl.from_arrow(returned[name]))
        for row in differs.arg_true().head(1):
            seen = f"{function} changed {name} of record {_record(returned, row)}"
            raise ProjectError(Fault(place, seen, "it as it was", fix))
    rows = np.full(len(given), -1)
    rows[found["at"].to_numpy()] = np.arange(len(returned))
    return rows


def _record(batch: pa.RecordBatch, row: int) -> str:
    """Return the place of a record: its raw file, and its number in there."""
    return f"raw/{batch['raw_file'][row].as_py()} #{batch['raw_index'][row].as_py()}"


def _place(code: StepCode, function: Step, error: BaseException | None = None) -> str:
    """Return the line of a step's file that raised an error, else that of its function."""
    line = _line(code.place, error) if error else None
    own = getattr(function, "__code__", None)
    if line is None and own is not None and own.co_filename == code.place:
        line = own.co_firstlineno
    return f"{code.place}:{line}" if line else code.place


def _said(error: BaseException) -> str:
    """Return an exception in one line."""
    lines = str(error).splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= SAID else text[: SAID - 3] + "..."


def _load(code: StepCode) -> Step:
    """Return the function of a step."""
    module = _module(code.root, code.place, code.source, code.beside)
    function = getattr(module, code.function, None)
    if callable(function):
        step: Step = function
        return step
    seen = f"{code.function} is a {type(function).__name__}"
    raise ProjectError(Fault(code.place, seen, "a function", f"define {code.function} there"))


@functools.lru_cache(maxsize=64)
def _module(root: str, place: str, source: str, beside: str) -> types.ModuleType:
    """Return the module of a step's file, run once in a process as long as its folder stays."""
    made_of = "\0".join((root, place, source, beside))
    module = types.ModuleType(f"step_{hashlib.sha256(made_of.encode()).hexdigest()}")
    module.__file__ = str(Path(root, place))
    sys.modules[module.__name__] = module  # classes look their module up there
    try:
        with contextlib.redirect_stdout(sys.stderr):
            exec(compile(source, place, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    except (Exception, SystemExit) as error:
        line = _line(place, error)
        seen = f"raised {_said(error)} when it was loaded"
        fix = "mend that line, or install what it needs"
        raise ProjectError(
            Fault(f"{place}:{line}" if line else place, seen, "a file that Python runs", fix)
        ) from error
    return module


def _line(place: str, error: BaseException) -> int | None:
    """Return the last line of a step's file that led to an error, None where none did."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == place:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
