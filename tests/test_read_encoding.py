"""What reading promises about encodings: known or refused, never guessed."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reading import SHARED, look_at, lost, reasons, rows_of, texts

if TYPE_CHECKING:
    from pathlib import Path

SENTENCE = "Café “déjà vu” – l’été à Reims, où naît la forêt ; Noël à Besançon."


FRENCH = (
    "Le président de la République s’est rendu à Reims, où il fut accueilli par le maire. « C’est "
    "une journée historique », a-t-il déclaré – avant de repartir pour l’Élysée. Les entretiens, "
    "entamés en février, doivent s’achever à l’été."
)


def put(folder: Path, data: bytes, name: str = "a.txt") -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_a_mark_is_obeyed_and_dropped(tmp_path: Path, mark: bytes, codec: str, name: str) -> None:
    """The text is that behind the mark, for every format."""
    whole = {"a.txt": SENTENCE, "a.csv": f"text|n\n{SENTENCE}|1\n{SENTENCE}|2\n"}
    data = whole.get(name, f'{{"text": "{SENTENCE}"}}').encode(codec)
    path = put(tmp_path, mark + data, name)
    assert look_at(path).encoding == codec
    assert set(texts(rows_of(path))) == {SENTENCE}


@pytest.mark.parametrize(
    "codec", ["cp1252", "mac-roman", "utf-16-le", "utf-16-be", "cp1251", "cp1256", "big5"]
)
def test_a_code_that_is_certain_is_found(tmp_path: Path, codec: str) -> None:
    """A text that can be told by itself comes back as it was."""
    text = {
        "cp1252": FRENCH,
        "mac-roman": FRENCH,
        "cp1251": "Миссия ОДКБ в Казахстане завершилась, сообщает пресс-служба организации. " * 9,
        "cp1256": "انتهت مهمة منظمة معاهدة الأمن الجماعي في كازاخستان، كما ذكرت الوكالة. " * 9,
        "big5": "集體安全條約組織在哈薩克的任務已經結束,新聞處報導。" * 9,
    }.get(codec, SENTENCE * 9)
    assert texts(rows_of(put(tmp_path, text.encode(codec)))) == [text]


@pytest.mark.parametrize(
    "data",
    [b"\xa9 2022", b"Harga 5 \x80", b"Tanggal 5 \x96 7", b"caf\x8e \xd2x\xd3 \xa5 \xe1\x9f\xfe"],
)
def test_a_code_that_is_not_certain_is_refused(tmp_path: Path, data: bytes) -> None:
    """Where readings differ and none is better, candidates and remedy are named instead."""
    reason, detail = lost(put(tmp_path, data))
    assert reason == "encoding"
    assert "give different texts" in detail
    assert "[[read.rule]] of schema/dataset.toml" in detail


@pytest.mark.parametrize(
    "data", [bytes(range(256)) * 20, b"\x00" * 500, b"\x7fELF\x02\x01\x01" + b"\x00" * 90]
)
def test_a_binary_file_is_no_text(tmp_path: Path, data: bytes) -> None:
    """NULs and control characters are valid UTF-8, but no text."""
    assert lost(put(tmp_path, data))[0] == "encoding"


def test_a_stray_nul_does_not_cost_the_file(tmp_path: Path) -> None:
    """A text with one control character stays that text."""
    text = "Satu kalimat yang panjang sekali, dengan satu NUL \x00 di tengah."
    assert texts(rows_of(put(tmp_path, text.encode()))) == [text]


def test_a_declared_code_is_held_to_every_byte(tmp_path: Path) -> None:
    """The first fault is named by line and byte, and the file is rejected whole."""
    path = put(tmp_path, b"satu\r\ndua\rtiga \x81 empat\n")
    reason, detail = lost(path, encoding="cp1252")
    assert reason == "encoding"
    assert detail.startswith("line 3: byte 0x81 at offset 15 ")
    assert texts(rows_of(path, encoding="latin-1")) == ["satu\r\ndua\rtiga \x81 empat\n"]


def test_a_declared_code_does_not_overrule_a_mark_of_utf8(tmp_path: Path) -> None:
    """A file that is marked as UTF-8 is never read as something else in silence."""
    path = put(tmp_path, codecs.BOM_UTF8 + SENTENCE.encode())
    assert lost(path, encoding="latin-1")[0] == "encoding"
    assert texts(rows_of(path, encoding="utf-8")) == [SENTENCE]


@pytest.mark.parametrize("codec", ["nonsense", "base64", "rot13"])
def test_a_codec_of_no_text_is_refused(tmp_path: Path, codec: str) -> None:
    """A name that Python does not know as a text encoding is said to be none."""
    assert lost(put(tmp_path, b"x"), encoding=codec)[0] == "encoding"


def test_lines_of_json_are_bad_one_by_one(tmp_path: Path) -> None:
    """A file of JSON lines that is UTF-8 but for a line loses that line only."""
    good = '{"text": "é"}\n'.encode()
    rows = rows_of(put(tmp_path, good * 3 + b'{"text": "\xe9"}\n' + good, "a.jsonl"))
    assert reasons(rows) == [None, None, None, "parse", None]
    assert rows[3]["_detail"] == "byte 0xe9 at 11 is not UTF-8"
    assert rows[3]["_line"] == 4


def test_a_large_file_with_one_fault_far_on(tmp_path: Path) -> None:
    """The whole file is looked at, not its beginning."""
    path = put(tmp_path, b"satu baris ascii\n" * 700_000 + SENTENCE.encode("cp1252") + b"\n")
    assert look_at(path, encoding="utf-8").reason == "encoding"
    assert look_at(path).encoding in ("cp1252", "")


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1), st.integers(1, 5))
def test_utf8_comes_back_unchanged_for_any_border(text: str, size: int) -> None:
    """No border of a chunk inside a character matters."""
    from imprint.rooms.read.encoding import _character_end, utf8_array

    data = text.encode()
    assert utf8_array(data) is not None
    for start in range(0, len(data), size):
        cut = _character_end(data[: start + size])
        data[:cut].decode("utf-8")
        assert min(start + size, len(data)) - cut < 4


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpora are not there")
def test_the_samples_of_legacy_encodings() -> None:
    """Every sample comes back as its true codec gives it."""
    lines = (SHARED / "encoding" / "truth.tsv").read_text("utf-8").splitlines()[1:]
    for name, codec in (line.split("\t") for line in lines):
        path = SHARED / "encoding" / name
        truth = path.read_bytes().decode(codec).removeprefix("\ufeff")
        assert texts(rows_of(path)) == [truth], name
