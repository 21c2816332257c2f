"""Likely typos are proposed with their evidence, and nothing is corrected that nobody accepted."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import imprint
from imprint.engine import Here
from imprint.errors import ProjectError, UsageError
from imprint.typos import known
from imprint.typos.forms import related, spoken, stems
from imprint.typos.gather import gather
from imprint.typos.known import lists
from imprint.typos.look import Look
from imprint.typos.pairs import one_edit_apart
from imprint.typos.proposals import Proposal, identity, proposed
from imprint.typos.weigh import weigh
from imprint.typos.words import counted, words
from tests.projects import imprint as command
from tests.projects import make, rows

ROOT = Path(__file__).parents[1]
CASES = [json.loads(line) for line in (ROOT / "tests/cases/typos.jsonl").read_text().splitlines()]
SEED = ROOT.parent / "shared" / "seed" / "article.txt"

SLIPPED: dict[str, str | bytes] = {
    "a.txt": "Pasukan aliansi CTSO mulai ditarik, kata kementerian itu pada hari Kamis.",
    "b.txt": "Collective Security Treaty Organization (CTSO) mengirim penjaga damai ke kota.",
    "c.txt": "Hujan turun bebearpa kali sejak pagi, dan jalan ke bandara tergenang air.",
    "d.txt": "Harga bahan bakar naik beberapa kali tahun ini, sehingga warga berunjuk rasa.",
    "e.txt": "Ia pergi beberapa kali tahun lalu untuk menengok rumah orang tuanya yang kosong.",
    "f.txt": "Sudah beberapa kali terjadi gempa di pulau itu tanpa seorang pun yang terluka.",
}
"""Two slips: CTSO for CSTO, bebearpa for beberapa."""


def found(texts: list[str], language: str = "id", parts: int = 1) -> list[Proposal]:
    """Return what is proposed for texts, which are laid into so many parts."""
    with tempfile.TemporaryDirectory() as folder:
        looks = []
        for number in range(parts):
            mine = texts[number::parts]
            batch = pa.record_batch({"language": [language] * len(mine), "text": mine})
            part = Path(folder) / f"{number}.arrow"
            with pa.ipc.new_file(str(part), batch.schema) as writer:
                for row in range(len(mine)):  # each row a batch of its own
                    writer.write_batch(batch.slice(row, 1))
            bits = np.packbits(np.ones(len(mine), bool), bitorder="little").tobytes()
            looks.append(Look(part, bits, Path(folder) / str(number)))
        gathered = gather(looks, Path(folder), Here())
    wanted = {language: {*gathered.pairs["wrong"], *gathered.pairs["right"]}}
    return proposed(gathered, weigh(gathered, lists(wanted, [language])), (), ())


@pytest.fixture
def without_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do as if wordfreq were not installed."""
    monkeypatch.setattr(known, "_list", lambda language: {})


@pytest.mark.parametrize("case", CASES, ids=[case["label"] for case in CASES])
def test_cases(case: dict[str, object]) -> None:
    """What is wrong is proposed, and what looks like it is not."""
    texts = case["texts"]
    assert isinstance(texts, list)
    seen = found(texts, str(case.get("language", "id")))
    assert [f"{each.wrong} -> {each.right}" for each in seen] == case["wanted"]


@pytest.mark.parametrize("case", CASES, ids=[case["label"] for case in CASES])
@pytest.mark.usefixtures("without_lists")
def test_cases_without_lists_of_words(case: dict[str, object]) -> None:
    """The same holds where wordfreq is not installed."""
    test_cases(case)


def test_a_third_of_the_cases_is_negative() -> None:
    """Cases for and against are in balance."""
    assert sum(not case["wanted"] for case in CASES) * 3 >= len(CASES)


def apart(wrong: str, right: str) -> bool:
    """Say slowly whether two words are one edit apart (optimal string alignment)."""
    near = {wrong[:i] + wrong[i + 1 :] for i in range(len(wrong))}
    near |= {wrong[:i] + wrong[i + 1] + wrong[i] + wrong[i + 2 :] for i in range(len(wrong) - 1)}
    if len(wrong) == len(right):
        return right in near or sum(a != b for a, b in zip(wrong, right, strict=True)) == 1
    return right in near or wrong in {right[:i] + right[i + 1 :] for i in range(len(right))}


WORDS = st.lists(st.text("abcé", min_size=1, max_size=5), min_size=1, max_size=8, unique=True)


@given(WORDS, WORDS)
def test_pairs_equal_the_slow_way(wrongs: list[str], rights: list[str]) -> None:
    """The joins find each pair that comparing all with all finds, once, and no other."""
    frames = [
        pl.DataFrame({"fold": each}).with_columns(language=pl.lit("id"))
        for each in (wrongs, rights)
    ]
    pairs = one_edit_apart(*frames).select("wrong", "right").rows()
    wanted = {(a, b) for a in wrongs for b in rights if a != b and apart(a, b)}
    assert sorted(pairs) == sorted(wanted)


@given(st.lists(st.text("ab A-.'\n", max_size=30), min_size=1, max_size=4))
def test_words_lose_nothing(texts: list[str]) -> None:
    """Pieces are all that stands between blanks, in order; plain words are of letters alone."""
    frame = pl.DataFrame(
        {"row": range(len(texts)), "language": "id", "text": texts},
        schema={"row": pl.Int64, "language": pl.String, "text": pl.String},
    )
    seen = words(frame)
    assert seen.of("piece").to_list() == [piece for text in texts for piece in text.split()]
    plain = seen.of("word").filter(seen.of("plain"))
    assert all(word.isalpha() for word in plain)
    assert counted(seen)["n"].sum() == len(plain)


def test_where_a_capital_letter_says_something() -> None:
    """Not at the beginning of a text or a sentence, nor behind a quotation mark."""
    text = 'Kata dia. Besok "Hari ini" di Jakarta'
    seen = words(pl.DataFrame({"row": [0], "language": ["id"], "text": [text]}))
    assert seen.tokens["inside"].to_list() == [False, True, False, False, True, False, True]


@given(st.permutations(list(SLIPPED.values())), st.integers(1, 4))
def test_proposals_do_not_depend_on_parts(texts: list[str], parts: int) -> None:
    """Whatever the order of the texts, and however they are laid into parts and batches."""

    def told(proposals: list[Proposal]) -> list[tuple[object, ...]]:
        return [(each.id, each.score, each.counts, sorted(each.contexts)) for each in proposals]

    assert told(found(list(texts), parts=parts)) == told(found(sorted(map(str, SLIPPED.values()))))


def test_ranges_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that are merged a few at a time give the proposals of all at once."""
    texts = [str(text) for text in SLIPPED.values()]
    whole = found(texts)
    monkeypatch.setattr("imprint.typos.gather.RANGE", 7)
    assert found(texts) == whole


@pytest.mark.parametrize(
    "text", ["東京で会議が開かれた。", "-", "1 2 3", "\u0130stanbul \u0130stanbull İİ"]
)
def test_texts_without_words(text: str) -> None:
    """Where there is no word to correct, nothing is proposed."""
    assert found([text]) == []


def test_capital_letters() -> None:
    """A right word is written as the wrong one is; a name has its capital letter always."""
    texts = [f"Kota {name} ramai. Di {name} hujan." for name in ["Yogyakarta"] * 4]
    texts += ["Kami tinggal di yogykarta.", "Kota Yogyakrata ramai.", "DI KOTA YOGYAKATRA RAMAI."]
    seen = {each.wrong: each.right for each in found([*texts, *["Pergi ke Yogyakarta lagi."] * 9])}
    assert seen == {
        "yogykarta": "Yogyakarta",
        "Yogyakrata": "Yogyakarta",
        "YOGYAKATRA": "YOGYAKARTA",
    }


def test_affixes() -> None:
    """Forms of a word share a stem; a slip in one shares none."""
    assert related("memerintah", "pemerintah", "id")
    assert related("mengkonsumsi", "mengonsumsi", "id")
    assert related("walked", "walker", "en")
    assert not related("mengadung", "mengandung", "id")
    assert not related("goverment", "government", "en")
    assert stems("dengan", "xx") == {"dengan"}
    assert spoken("temen", "teman", "id")
    assert not spoken("temen", "teman", "en")


@pytest.mark.skipif(not SEED.exists(), reason="the article is not here")
@pytest.mark.parametrize("listed", [True, False])
def test_seed_article(listed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the article that began it all CTSO -> CSTO is the first proposal, and nothing else."""
    if not listed:
        monkeypatch.setattr(known, "_list", lambda language: {})
    (only,) = found([SEED.read_text("utf-8")])
    assert (only.wrong, only.right, only.kind) == ("CTSO", "CSTO", "acronym")
    assert only.counts == {"wrong": 1, "wrong_records": 1, "right": 4, "right_records": 1}
    assert "[CTSO]" in only.contexts[0]
    assert only.why.endswith("Collective Security Treaty Organization")


def test_first_dataset_without_its_errata(tmp_path: Path) -> None:
    """What a person found in the first dataset is what is proposed; with the errata nothing is."""
    for name in ("raw", "schema"):
        shutil.copytree(ROOT / name, tmp_path / name)
    assert imprint.suggest(tmp_path, workers=1).proposals == ()
    declared = imprint.Project.open(tmp_path).errata
    (tmp_path / "schema" / "errata.toml").unlink()
    seen = imprint.suggest(tmp_path, workers=1).proposals
    assert seen[0].wrong == "CTSO"
    assert {(each.wrong, each.right) for each in seen} == {
        (each.wrong, each.right) for each in declared
    }


def test_accept_and_reject(tmp_path: Path) -> None:
    """An accepted proposal is an erratum that the next build applies; a rejected one stays away."""
    written = "# Reviewed by us.\n[[erratum]]\nwrong = 'x'   # as it was\nright = 'y'\n"
    root = make(tmp_path, SLIPPED, errata=written)
    before = imprint.suggest(root, workers=1)
    assert {each.wrong for each in before.proposals} == {"CTSO", "bebearpa"}
    csto, some = sorted(before.proposals, key=lambda each: each.wrong)
    assert csto.id == identity("CTSO", "CSTO")
    after = imprint.suggest(root, accept=[csto.id], reject=[some.id], workers=1)
    assert (after.proposals, after.accepted, after.rejected) == ((), (csto,), (some,))
    errata = (root / "schema" / "errata.toml").read_text("utf-8")
    assert errata.startswith(written)
    project = imprint.Project.open(root)
    assert [(e.wrong, e.right, e.why, e.match) for e in project.errata[1:]] == [
        ("CTSO", "CSTO", csto.why, "word")
    ]
    assert [(each.wrong, each.right) for each in project.rejected] == [("bebearpa", "beberapa")]
    assert imprint.suggest(root, workers=1).proposals == ()
    imprint.build(root, workers=1)
    published = " ".join(str(row["text"]) for row in rows(root))
    assert "CTSO" not in published
    assert published.count("CSTO") == 2
    assert "bebearpa" in published
    (root / "schema" / "decisions.toml").unlink()
    assert [each.id for each in imprint.suggest(root, workers=1).proposals] == [some.id]


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# none\n",
        "erratum = []\n",
        'erratum = [{ wrong = "x", right = "y" }]\n',
        '[[erratum]]\r\nwrong = "x"\r\nright = "y"',
    ],
)
def test_accept_into_any_file(tmp_path: Path, before: str) -> None:
    """However errata.toml is written, it holds one erratum more, and what stood there."""
    root = make(tmp_path, SLIPPED)
    (root / "schema" / "errata.toml").write_bytes(before.encode())
    held = imprint.Project.open(root).errata
    imprint.suggest(root, accept=[identity("CTSO", "CSTO")], workers=1)
    now = imprint.Project.open(root).errata
    assert (now[:-1], now[-1].wrong) == (held, "CTSO")
    if "= [" not in before:
        assert (root / "schema" / "errata.toml").read_bytes().startswith(before.encode())


def test_ids_that_are_none(tmp_path: Path) -> None:
    """An id that is not proposed is one clear line with the nearest, and nothing is written."""
    root = make(tmp_path, SLIPPED, errata="")
    right = identity("CTSO", "CSTO")
    near = right[:-1] + ("0" if right[-1] != "0" else "1")
    with pytest.raises(UsageError) as caught:
        imprint.suggest(root, accept=[right, near], reject=["zzzz"], workers=1)
    assert str(caught.value) == (
        f"imprint suggest --accept: no proposal '{near}', wanted the id of a proposal. "
        f"To fix: say {right}."
    )
    with pytest.raises(UsageError, match='run "imprint suggest" to see'):
        imprint.suggest(root, reject=["zzzz"], workers=1)
    with pytest.raises(UsageError, match="accepted and rejected"):
        imprint.suggest(root, accept=[right], reject=[right], workers=1)
    assert (root / "schema" / "errata.toml").read_text() == ""
    assert not (root / "schema" / "decisions.toml").exists()


def test_decided_pairs_are_right_both_ways(tmp_path: Path) -> None:
    """Who says that two words are both right is not asked for the other way around."""
    root = make(tmp_path, SLIPPED, errata="")
    decisions = '[[rejected]]\nwrong = "beberapa"\nright = "bebearpa"\n'
    (root / "schema" / "decisions.toml").write_text(decisions)
    assert [each.wrong for each in imprint.suggest(root, workers=1).proposals] == ["CTSO"]


def test_only_published_texts_count(tmp_path: Path) -> None:
    """A text that stands twice counts once, and one that is rejected not at all."""
    twice = {f"{name}-{n}": text for name, text in SLIPPED.items() for n in (1, 2)}
    raw = {f"{name}.txt": text for name, text in twice.items()}
    root = make(tmp_path, raw, errata="", more="[dedup]\nnear = 0\n")
    seen = {each.wrong: each.counts for each in imprint.suggest(root, workers=1).proposals}
    assert seen["bebearpa"] == {"wrong": 1, "wrong_records": 1, "right": 3, "right_records": 3}


def test_command(tmp_path: Path) -> None:
    """The command prints each proposal with its places; several ids may follow one option."""
    root = make(tmp_path / "p", SLIPPED, errata="")
    listed = json.loads(command("suggest", root, "--json").stdout)
    assert {"id", "wrong", "right", "score", "counts", "contexts"} <= set(listed[0])
    assert [each["score"] for each in listed] == sorted(
        (each["score"] for each in listed), reverse=True
    )
    shown = command("suggest", root)
    assert "CTSO -> CSTO" in shown.stdout
    assert "[CTSO]" in shown.stdout
    ids = [each["id"] for each in listed]
    done = command("suggest", root, "--accept", *ids, "--quiet")
    assert done.returncode == 0, done.stderr
    assert "nothing else is proposed" in done.stdout
    assert len(imprint.Project.open(root).errata) == 2
    done = command("suggest", "--reject", "deadbeef", root)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no proposal 'deadbeef'" in done.stderr


def test_not_on_a_store() -> None:
    """A project on a store is refused in one line."""
    done = command("suggest", "memory://nowhere")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_broken_decisions_stop(tmp_path: Path) -> None:
    """A decision without its words is told with its line."""
    root = make(tmp_path, SLIPPED)
    (root / "schema" / "decisions.toml").write_text("[[rejected]]\nwrong = 'a'\n")
    with pytest.raises(ProjectError, match=r"schema/decisions.toml:1: no right"):
        imprint.suggest(root)
