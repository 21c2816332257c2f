"""What the card promises of the values in it: they are shown, never obeyed."""

from __future__ import annotations

import re
from typing import Any

import datasets
import msgspec
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from imprint.card import card, front_matter, link, plain
from imprint.catalog import SHIPPED
from imprint.loader import BEGIN, END, FRONT, front_and_block
from imprint.manifest import Manifest

TEXT = {"dtype": "string", "_type": "Value"}


def made(**facts: Any) -> bytes:
    """Return the card of the dataset that ships, with some facts replaced."""
    manifest = Manifest.open(SHIPPED / "csto-news")
    return card(msgspec.structs.replace(manifest, **facts), "").encode()


def front_of(readme: bytes) -> dict[str, Any]:
    """Return the front matter as PyYAML reads it."""
    found = FRONT.match(readme)
    assert found
    loaded: dict[str, Any] = yaml.safe_load(found.group().rstrip()[:-3])
    return loaded


@pytest.mark.parametrize("key", ["title", "description", "homepage", "repository"])
@pytest.mark.parametrize(
    "said",
    [
        f"{BEGIN.decode()} x",
        f"{END.decode()} x",
        f"https://x.org/{END.decode()}",
        "https://x.org/><script>alert(1)</script>",
        "a\n---\nb: c",
    ],
)
def test_nothing_that_is_declared_ends_our_part(key: str, said: str) -> None:
    """Marks, markup and the lines of front matter in what is declared leave our part whole."""
    readme = made(**{key: said})
    front = FRONT.match(readme)
    assert front
    body = readme[front.end() :]
    assert front_of(readme).keys() == front_of(made()).keys()
    assert (body.count(BEGIN), body.count(END)) == (1, 1)
    assert body.endswith(END + b"\n")
    assert front_and_block(readme).endswith(body.strip())
    assert b"<script>" not in body


@given(st.text() | st.text("\x85\u2028\n a'1e-"))
@example("\x85")
@example("\n---\na: b")
def test_titles_survive_the_front_matter(title: str) -> None:
    """Any title is read back as it was declared, and nothing else changes."""
    found = front_of(made(title=title))
    assert found["pretty_name"] == title
    assert found | {"pretty_name": ""} == front_of(made()) | {"pretty_name": ""}


@pytest.mark.parametrize("word", ["1e3", "0o7", "12", "1.", ".5", "+1", "-0x1F", "5E-3"])
def test_numbers_of_newer_yaml_are_quoted(word: str) -> None:
    """What YAML 1.2, as the Hub reads it, takes for a number is quoted; true numbers are not."""
    readme = made(title=word).decode()
    assert f"pretty_name: '{word}'\n" in readme
    assert "num_examples: 23\n" in readme


def test_card_data_of_the_hub_reads_the_same() -> None:
    """huggingface_hub's own reader of cards finds what was written, without complaint."""
    from huggingface_hub.repocard_data import DatasetCardData

    facts = front_matter(Manifest.open(SHIPPED / "csto-news"))
    again: Any = DatasetCardData(**front_of(made()))
    assert again.to_dict() == facts


FEATURES = st.recursive(
    st.sampled_from(["string", "bool", "int8", "int64", "float32"]).map(
        lambda kind: {"dtype": kind, "_type": "Value"}
    ),
    lambda inner: st.one_of(
        inner.map(lambda each: {"feature": each, "_type": "List"}),
        st.dictionaries(
            st.from_regex(r"[a-z]{1,3}", fullmatch=True), inner, min_size=1, max_size=3
        ),
    ),
    max_leaves=5,
)


@given(st.lists(FEATURES, min_size=1, max_size=3))
def test_features_as_datasets_writes_them(features: list[dict[str, Any]]) -> None:
    """However lists and structs are nested, `datasets` writes and reads the same YAML."""
    columns = {f"c{number}": each for number, each in enumerate(features)}
    manifest = msgspec.structs.replace(Manifest.open(SHIPPED / "csto-news"), features=columns)
    written = front_matter(manifest)["dataset_info"]["features"]
    theirs = datasets.Features.from_dict(columns)
    assert written == theirs._to_yaml_list()
    assert datasets.Features._from_yaml_list(written) == theirs


def test_control_characters_are_not_passed_on() -> None:
    """What a terminal would obey does not reach the card; ZWNJ and the like do."""
    text = made(sources={"a\x1b[31m\x00\x9bb\u200cc": 1}).decode()
    assert "| a\ufffd\\[31m\ufffd\ufffdb\u200cc | 1 |" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


@given(st.text())
def test_plain_is_one_cell(value: str) -> None:
    """Any value stays on its line and in its cell, and gives no tag and no link."""
    shown = plain(value)
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(?:\\\\)*[|<>\[\]`*_]", re.sub(r"\\.", "", shown))


@given(st.text(), st.sampled_from(["", "https://x.org/", "http://"]))
def test_links_end_where_they_should(value: str, head: str) -> None:
    """A link holds no bracket, blank or bar; what is none is shown as text."""
    shown = link(head + value)
    if (head + value).startswith(("http://", "https://")):
        assert re.fullmatch(r"<https?://[^\s<>|`\"\\]*>", shown)
    else:
        assert shown == plain(head + value)
