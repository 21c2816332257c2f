"""The work of a build as a pipeline of datatrove; with --near also its MinHash.

Its tasks take whole files, so the corpus is first cut into one for each worker. Its own language
filter downloads its model when it is first used; the step here opens the one that is installed.

    python -m peers.with_datatrove corpus.jsonl out 2 --near
"""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING, Any

from peers import bare, tally

os.environ.setdefault("LOGURU_LEVEL", "ERROR")

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import LambdaFilter
from datatrove.pipeline.formatters import FTFYFormatter
from datatrove.pipeline.formatters.base import BaseFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter, ParquetWriter

from peers.with_datasets import BLANKS, BREAKS, INVISIBLE, LABEL, TYPO, by_fasttext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LANGUAGE = "ind_Latn"
"""datatrove's name of the language whose words MinHash looks at."""


class Blanks(BaseFormatter):  # type: ignore[misc]
    """Mends line ends, blanks and invisible characters."""

    name = "blanks"

    def format(self, text: str) -> str:
        """Return a text without odd blanks."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        text = BLANKS.sub(" ", INVISIBLE.sub("", text))
        text = "\n".join(line.strip() for line in text.split("\n")).strip("\n")
        return BREAKS.sub("\n\n", text)


class Tags(PipelineStep):  # type: ignore[misc]
    """Tells the language, corrects, reads the source."""

    name = "tags"

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:  # noqa: ARG002
        """Yield each document with its tags."""
        for document in data:
            language, score = by_fasttext(document.text)
            text, corrected = TYPO.subn("CSTO", document.text)
            found = LABEL.search(text)
            document.text = text[: found.start()] if found else text
            document.metadata |= {
                "language": language,
                "language_score": score,
                "source": found.group(1) if found else None,
                "corrected": corrected > 0,
            }
            yield document


def cut(corpus: Path, folder: Path, parts: int) -> None:
    """Write a corpus as that many files."""
    folder.mkdir()
    places = bare.borders(corpus, parts)
    with corpus.open("rb") as file:
        for start, end in itertools.pairwise(places):
            (folder / f"{start:012}.jsonl").write_bytes(file.read(end - start))


def row(_: object, document: Any) -> dict[str, Any]:
    """Return what of a document is written."""
    names = ("language", "language_score", "source", "corrected")
    return {"text": document.text} | {name: document.metadata.get(name) for name in names}


def writer(output: Path) -> Any:
    """Return the last step: Parquet."""
    import pyarrow as pa

    schema = pa.schema(
        {
            "text": pa.string(),
            "language": pa.string(),
            "language_score": pa.float64(),
            "source": pa.string(),
            "corrected": pa.bool_(),
        }
    )
    return ParquetWriter(str(output), compression="zstd", adapter=row, schema=schema)


def execute(steps: list[Any], folder: Path, tasks: int, workers: int) -> None:
    """Run a pipeline to its end."""
    LocalPipelineExecutor(steps, tasks=tasks, workers=workers, logging_dir=str(folder)).run()


def main() -> None:
    """Run the pipeline, and the four of MinHash where they are asked for."""
    given = tally.arguments("near")
    work, workers = given.output / "work", given.workers
    work.mkdir()
    cut(given.input, work / "parts", workers)
    steps = [JsonlReader(str(work / "parts")), FTFYFormatter(), Blanks(), Tags()]
    steps.append(LambdaFilter(has_text))
    if not given.near:
        execute([*steps, writer(given.output / "data")], work / "log", workers, workers)
        tally.tell(given.output / "data")
        return
    config, kept = MinhashConfig(), str(work / "kept")
    names = ("signatures", "buckets", "remove")
    signatures, buckets, remove = (str(work / name) for name in names)
    signed = MinhashDedupSignature(signatures, config, language=LANGUAGE)
    stages: list[tuple[list[Any], int]] = [
        ([*steps, JsonlWriter(kept, compression=None)], workers),
        ([JsonlReader(kept), signed], workers),
        ([MinhashDedupBuckets(signatures, buckets, config=config)], config.num_buckets),
        ([MinhashDedupCluster(buckets, remove, config)], 1),
        ([JsonlReader(kept), MinhashDedupFilter(remove), writer(given.output / "data")], workers),
    ]
    for number, (stage, tasks) in enumerate(stages):
        execute(stage, work / f"log{number}", tasks, workers)
    tally.tell(given.output / "data")


def has_text(document: Any) -> bool:
    """Return whether anything is left of a document."""
    return bool(re.search(r"\S", document.text))


if __name__ == "__main__":
    main()
