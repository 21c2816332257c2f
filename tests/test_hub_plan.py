"""What a push compares and merges, without a Hub."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.errors import RefusedError
from imprint.hub.plan import (
    OurFile,
    data_globs,
    merge_card,
    plan,
    refuse_foreign,
)
from imprint.hub.remote import RemoteFile
from imprint.loader import BEGIN, END, front_and_block
from imprint.manifest import File
from tests.hub.store import git_blob

OURS = b"""---
configs:
- data_files:
  - {split: train, path: data/train-*.parquet}
---
""" + (BEGIN + b"\n# ours\n" + END + b"\n")

others = st.text(st.sampled_from("ab\n -#"), max_size=30).map(str.encode)
fronts = st.sampled_from([b"", b"---\nlicense: mit\n---\n", b"---\r\nlicense: mit\r\n---\r\n"])
blocks = st.sampled_from([b"", BEGIN + b"\nold\n" + END, BEGIN, END, END + BEGIN])


@given(fronts, others, blocks, others)
def test_a_card_keeps_what_others_wrote(
    front: bytes, before: bytes, block: bytes, after: bytes
) -> None:
    """Our front matter and part are there, all words of others too, and twice is once."""
    merged = merge_card(OURS, front + before + block + after)
    assert front_and_block(merged) == front_and_block(OURS)
    assert merge_card(OURS, merged) == merged
    kept = merged.replace(front_and_block(OURS)[-len(BEGIN + b"\n# ours\n" + END) :], b"")
    # What looks like front matter at the start of the text is front matter, whoever wrote it.
    if front or not before.lstrip(b"\n").startswith(b"---"):
        assert [word for word in before.split() if word not in kept] == []
        assert [word for word in after.split() if word not in kept] == []


def test_text_around_our_part_stays_byte_for_byte() -> None:
    """Blanks and line ends of others are theirs."""
    theirs = b"---\na: b\n---\n\r\n  x \n" + BEGIN + b"old" + END + b" y\r\n\n"
    front = OURS[: OURS.index(BEGIN)]
    part = BEGIN + b"\n# ours\n" + END
    assert merge_card(OURS, theirs) == front + b"\r\n  x \n" + part + b" y\r\n\n"


def test_the_patterns_of_the_data_files() -> None:
    """They are read from the front matter; a card without one has none."""
    assert list(data_globs(OURS)) == ["data/train-*.parquet"]
    assert list(data_globs(b"# no front matter\n")) == []


def there(content: bytes, *, large: bool = False) -> RemoteFile:
    """Describe a file as the Hub lists it."""
    digest = hashlib.sha256(content).hexdigest() if large else ""
    return RemoteFile(len(content), git_blob(content), digest)


@pytest.mark.parametrize("large", [True, False])
def test_a_file_is_compared_by_digest(large: bool) -> None:
    """Equal bytes are equal however the Hub keeps them; one other byte of the same size is not."""
    ours = OurFile.small("a", b"abc")
    assert ours.equals(there(b"abc", large=large))
    assert not ours.equals(there(b"abd", large=large))


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("data/train-9.parquet", True),
        ("data/train-.parquet", True),
        ("data/deep/train-9.parquet", False),
        ("data/test-9.parquet", False),
        ("data/train-9.parquet.txt", False),
        ("a.json", True),
        ("README.md", False),
    ],
)
def test_files_of_others(path: str, refused: bool) -> None:
    """Only those are refused that readers would take for data, or that stand where ours go."""
    ours = [OurFile.small("README.md", OURS), OurFile.small("a.json", b"{}")]
    files = {path: there(b"other")}
    if refused:
        with pytest.raises(RefusedError, match=path):
            refuse_foreign("org/news", ours, files, [])
    else:
        refuse_foreign("org/news", ours, files, [])
    made = [File(path, 5, hashlib.sha256(b"other").hexdigest())]
    refuse_foreign("org/news", ours, files, made)


def test_only_what_an_earlier_push_made_is_deleted() -> None:
    """A file that is listed but has other bytes, or is not listed, stays."""
    digest = hashlib.sha256(b"old").hexdigest()
    before = [File(name, 3, digest) for name in ("gone", "same", "replaced", "missing")]
    remote = {
        "gone": there(b"old", large=True),
        "same": there(b"old", large=True),
        "replaced": there(b"new", large=True),
        "notes": there(b"old", large=True),
    }
    made = plan("head", [OurFile.small("same", b"old"), OurFile.small("new", b"x")], remote, before)
    assert [file.path for file in made.deleted] == ["gone"]
    assert [file.path for file in made.added] == ["new"]
    assert [file.path for file in made.unchanged] == ["same"]
    assert not made.nothing
    assert made.missing(remote) == ["new", "gone"]
