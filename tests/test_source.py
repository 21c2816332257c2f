"""The publisher that a text credits is read, and nothing else is taken for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imprint.rooms.clean import clean
from imprint.rooms.source import require, source, without
from imprint.rooms.source.reader import FIRST, LAST, Reader, picked
from imprint.settings import Publisher, Publishers, SourceRule

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared"
CASES = [
    json.loads(line)
    for line in (HERE / "cases" / "source.jsonl").read_text("utf-8").split("\n")
    if line
]

PUBLISHERS = Publishers(
    labels=("Credit",),
    sources=(
        Publisher(
            name="Alhurra", aliases=("Al-Hurra", "Al Hurra", "الحرة"), url="https://www.alhurra.com"
        ),
        Publisher(name="Antara"),
        Publisher(name="Reuters", aliases=("رويترز",)),
        Publisher(name="RIA Novosti", aliases=("РИА Новости",)),
    ),
)
READER = Reader(PUBLISHERS)

PIECES = st.one_of(
    st.sampled_from([case["text"] for case in CASES]),
    st.sampled_from(
        [
            "Sumber",
            "sumber berita",
            "SOURCE",
            "المصدر",
            "Источник",
            "Credit",
            "Theo",
            "Foto",
            ":",
            " : ",
            "：",
            " – ",
        ]
        + [
            " - ",
            "(",
            ")",
            "[",
            "]",
            "（",
            "）",
            "Antara",
            "AFP",
            "ТАСС",
            "الحرة",
            "新华社",
            "detik.com",
            "LONDON",
            ". ",
        ]
        + [
            "\n",
            "\n\n",
            " ",
            "/",
            ", ",
            "13.5.2021",
            "\u200f",
            "**",
            "-",
            "a",
            "Satu kalimat.",
            "—",
            "«",
            "»",
            "ſ",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=3),  # cleaned before
)
LONG = "Sebuah kalimat. " * 50
TEXTS = st.lists(PIECES, max_size=9).map("".join)


def batch_of(
    texts: list[str | None], **columns: Sequence[str | None] | Sequence[int]
) -> pa.RecordBatch:
    """Return a batch of texts, each a document of its own unless told otherwise."""
    n = len(texts)
    plain: dict[str, Sequence[str | None] | Sequence[int]] = {
        "text": texts,
        "source": [None] * n,
        "raw_file": ["a.txt"] * n,
        "_reason": [None] * n,
        "_detail": [None] * n,
    }
    index = columns.pop("_document_index", list(range(n)))
    made = {key: pa.array(value, pa.string()) for key, value in (plain | columns).items()}
    return pa.record_batch(made | {"_document_index": pa.array(index, pa.int64())})


def read(
    *texts: str | None,
    strip: bool = True,
    publishers: Publishers = PUBLISHERS,
    **columns: Sequence[str | None] | Sequence[int],
) -> list[tuple[str | None, str | None]]:
    """Return the source and the text of each record."""
    found = source(batch_of(list(texts), **columns), publishers, strip)
    return list(zip(found["source"].to_pylist(), found["text"].to_pylist(), strict=True))


def maybe(*texts: str | None) -> list[bool]:
    """Say which texts the compiled search picks."""
    column = pl.Series(texts, dtype=pl.String)
    first, last = picked(column.str.head(FIRST), column.str.tail(LAST), READER)
    return (first | last).to_list()


def is_clean(text: str) -> bool:
    """Say whether line breaks and blanks are as cleaning leaves them."""
    lines = text.split("\n")
    return (
        text == text.strip("\n")
        and "\n\n\n" not in text
        and all(line == line.strip(" ") for line in lines)
    )


@pytest.mark.parametrize("case", CASES, ids=[case["label"] for case in CASES])
def test_cases(case: dict[str, Any]) -> None:
    """Each text has its source and loses the attribution alone; look-alikes stay as they are."""
    found = READER.read(case["text"])
    names = case.get("sources", [case["source"]] if case["source"] else [])
    assert list(found.names if found else ()) == names
    left = case["text"] if case["source"] is None else case["left"]
    assert read(case["text"]) == [(case["source"], left)]


def test_a_third_of_the_cases_are_negative() -> None:
    """What must not be read is tried as much as what must."""
    assert sum(case["source"] is None for case in CASES) * 3 >= len(CASES)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared corpora are not here")
def test_examples() -> None:
    """The look-alikes and attributions in thirteen languages are told apart."""
    lines = (SHARED / "corpora" / "attribution" / "examples.jsonl").read_text("utf-8").split("\n")
    examples = [json.loads(line) for line in lines if line]
    found = [
        [name] if name else []
        for name, _ in read(*(each["text"] for each in examples), publishers=Publishers())
    ]
    assert found == [each["gold"] for each in examples]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared corpora are not here")
def test_sentences_have_no_source() -> None:
    """Of thousands of sentences from other places none is taken for an attribution."""
    corpora = SHARED / "corpora"
    lines = (corpora / "news_id" / "ud_gsd_dev.txt").read_text("utf-8").split("\n")
    for name in ("pud_13_parallel.tsv", "nusax_valid.tsv", "jv_csui.tsv"):
        rows = (corpora / "langid" / name).read_text("utf-8").strip().split("\n")
        lines += [row.split("\t", 1)[1] for row in rows]
    texts = [line.strip() for line in lines]
    assert read(*texts) == [(None, text) for text in texts]


@settings(deadline=None, max_examples=400)
@given(TEXTS)
@example("Sumber新华社")
@example("来源Reuters")
def test_the_search_picks_all(text: str) -> None:
    """Whatever the exact reader finds, the compiled search has picked, in long texts as well."""
    for whole in (text, f"{text}\n{LONG}", f"{LONG}\n{text}"):
        if READER.read(whole) is not None:
            assert maybe(whole) == [True], whole


@pytest.mark.parametrize(
    "text",
    [f"(Sumber: Antara)\n{LONG}", f"{LONG}\nSatu. (Sumber: Antara)**", f"Dikutip dari AFP\n{LONG}"],
)
def test_the_search_picks_the_rare(text: str) -> None:
    """A bracket that is the first line, one with marks of emphasis behind it, an opening."""
    assert READER.read(text) is not None
    assert maybe(text) == [True]


@pytest.mark.parametrize("around", ["{}", "{}\n", "\n\n{}", " {}", "{}\n\n \n"])
def test_the_search_picks_every_case(around: str) -> None:
    """Blanks and line breaks around a text hide no attribution from the search."""
    texts = [around.format(case["text"]) for case in CASES if case["source"]]
    assert all(map(READER.read, texts))
    assert all(maybe(*texts))


@settings(deadline=None, max_examples=400)
@given(TEXTS)
def test_only_the_attribution_goes(text: str) -> None:
    """What was found is taken out, and nothing but blanks and line breaks with it."""
    text = "\n".join(line.strip(" ") for line in text.split("\n")).strip("\n")
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    found = READER.read(text)
    (name, left), *_ = read(text)
    if found is None:
        assert (name, left) == (None, text)
        return
    assert name == found.names[0]
    rest = text[: found.start] + text[found.end :]
    assert left is not None
    assert "".join(left.split()) == "".join(rest.split())
    assert is_clean(text)
    assert is_clean(left), (text, left)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["Kata. ", "Kata.\n", "Kata (x)\n\n"]), st.integers(90, 130), TEXTS)
def test_long_texts_are_cut_as_short_ones(word: str, times: int, text: str) -> None:
    """Where only the end of a text is cut, it is cut as the whole would be."""
    text = clean(batch_of([word * times + text]))["text"][0].as_py()
    found = READER.read(text)
    left = text if found is None else without(text, found.start, found.end)
    assert [each for _, each in read(text)] == [left]


def test_the_cut_may_begin_anywhere() -> None:
    """Where the end of a text is cut out of it, its first character may be any."""
    for length in range(LAST - 30, LAST + 5):
        behind = "b" * (length // 2) + "\n" + "c" * (length - length // 2 - 1)
        text = f"{LONG.strip()}\n\nSumber: Antara\n\n{behind}"
        assert read(text) in (
            [("Antara", f"{LONG.strip()}\n\n{behind}")],
            [(None, text)],
        )


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_clean_text_stays_clean(text: str) -> None:
    """Cleaning finds nothing to do on what is left, and without `strip` on nothing at all."""
    whole = clean(batch_of([text]))
    for strip in (True, False):
        left = source(whole, PUBLISHERS, strip).select(["text"])
        assert clean(left).equals(left)
        assert strip or left.equals(whole.select(["text"]))


@settings(deadline=None, max_examples=100)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_neighbours_do_not_matter(texts: list[str]) -> None:
    """A document's answer is the same alone and in any batch."""
    assert read(*texts) == [read(text)[0] for text in texts]


def test_order_of_authority() -> None:
    """A field of the record outranks the rule, the rule outranks the text; all lose the line."""
    publishers = Publishers(
        sources=PUBLISHERS.sources,
        rules=(
            SourceRule(files="**/*", source="Tempo"),
            SourceRule(files="antara/**", source="ANTARA"),
        ),
    )
    text = "Satu.\nSumber: Reuters"
    given_: list[str | None] = ["al hurra", None, None, " "]
    paths: list[str | None] = ["antara/1", "antara/1", "b", "antara/2"]
    found = read(text, text, text, "Satu.", publishers=publishers, source=given_, raw_file=paths)
    assert found == [
        ("Alhurra", "Satu."),
        ("Antara", "Satu."),
        ("Tempo", "Satu."),
        ("Antara", "Satu."),
    ]


def test_without_strip() -> None:
    """The source is read and the text left as it stands, when that is what is asked for."""
    assert read("Satu.\nSumber: Antara", strip=False) == [("Antara", "Satu.\nSumber: Antara")]


def test_paragraphs() -> None:
    """All rows of a document get its source; the row that was the attribution is empty."""
    rows = [
        "Satu.",
        "Dua. (AFP) tiga.",
        "Sumber: Alhurra.",
        "Empat.",
        "Lima.",
        "Enam. (Sumber: BMKG)",
    ]
    found = read(*rows, _document_index=[0, 0, 0, 1, 2, 2])
    assert found == [
        ("Alhurra", "Satu."),
        ("Alhurra", "Dua. (AFP) tiga."),
        ("Alhurra", ""),
        (None, "Empat."),
        ("BMKG", "Lima."),
        ("BMKG", "Enam."),
    ]


def test_paragraphs_of_other_files() -> None:
    """The first document of a file does not end the last one of the file before."""
    found = read("Satu.", "Sumber: Antara", _document_index=[0, 0], raw_file=["a", "b"])
    assert found == [(None, "Satu."), ("Antara", "")]


def test_missing_and_rejected_records_pass() -> None:
    """A record without a text, or rejected before, is passed over as it stands."""
    found = read(
        None,
        "Satu.\nSumber: Antara",
        "Dua.",
        _reason=[None, "language", None],
        source=[None, " x", None],
    )
    assert found == [(None, None), (" x", "Satu.\nSumber: Antara"), (None, "Dua.")]
    assert read() == []


def test_require() -> None:
    """A record without a source is rejected; one that was rejected keeps its reason."""
    batch = batch_of(["a", "b", "c"], source=["X", None, None], _reason=[None, None, "parse"])
    found = require(batch)
    assert found["_reason"].to_pylist() == [None, "source", "parse"]
    assert found["_detail"].to_pylist()[1:] == [
        "neither a field, nor a rule, nor the text gives it a source",
        None,
    ]


@pytest.mark.parametrize(
    ("text", "start", "end", "left"),
    [
        ("Satu.\nX\nDua.", 6, 7, "Satu.\nDua."),
        ("Satu.\n\nX\nDua.", 7, 8, "Satu.\n\nDua."),
        ("Satu.\nX\n\nDua.", 6, 7, "Satu.\n\nDua."),
        ("X\n\nSatu.", 0, 1, "Satu."),
        ("Satu. X", 6, 7, "Satu."),
        ("Satu. X\nDua.", 6, 7, "Satu.\nDua."),
        ("X", 0, 1, ""),
    ],
)
def test_without(text: str, start: int, end: int, left: str) -> None:
    """A line goes with its break, and the larger of the two distances stays."""
    assert without(text, start, end) == left


def test_further_columns() -> None:
    """All publishers of the line, the attribution as it stood, and the publisher's licence."""
    publishers = Publishers(
        sources=(*PUBLISHERS.sources, Publisher(name="Tempo", license="cc-by-4.0"))
    )
    texts: list[str | None] = [
        "Satu.\nSumber: Tempo, AFP.",
        "Dua. (Al-Hurra)",
        "Tiga.\nSumber: Antara",
        "Empat.",
    ]
    batch = batch_of(texts, source=[None, None, "tempo", None])
    columns = ("sources", "source_evidence", "source_license")
    found = source(batch, publishers, True, columns).select(["source", *columns]).to_pylist()
    assert [tuple(row.values()) for row in found] == [
        ("Tempo", ["Tempo", "AFP"], "Sumber: Tempo, AFP.", "cc-by-4.0"),
        ("Alhurra", ["Alhurra"], "(Al-Hurra)", None),
        ("Tempo", ["Tempo"], "Sumber: Antara", "cc-by-4.0"),
        (None, [], None, None),
    ]
    rows = source(batch_of(["Satu.", "(AFP)"], _document_index=[0, 0]), publishers, True, columns)
    assert rows["source_evidence"].to_pylist() == ["(AFP)", "(AFP)"]
    assert rows["sources"].to_pylist() == [["AFP"], ["AFP"]]
    kept = source(batch_of(texts), publishers, True, ("sources",))
    assert "source_evidence" not in kept.schema.names


def test_columns_stay() -> None:
    """Only text and source differ, in type too."""
    batch = batch_of(["Satu.\nSumber: Antara", None])
    found = source(batch, PUBLISHERS, strip=True)
    assert found.schema == batch.schema
    assert found.drop_columns(["text", "source"]).equals(batch.drop_columns(["text", "source"]))


@pytest.mark.skipif(not SHARED.exists(), reason="the shared corpora are not here")
def test_article() -> None:
    """The article that the first dataset grew from loses its last line and nothing else."""
    text = (SHARED / "seed" / "article.txt").read_text("utf-8").strip("\n")
    assert read(text) == [("Alhurra", text.removesuffix("\nSumber: Alhurra."))]
    paragraphs = text.split("\n")
    found = read(*paragraphs, _document_index=[0] * len(paragraphs))
    assert found == [("Alhurra", line) for line in paragraphs[:-1]] + [("Alhurra", "")]
