"""A project folder is read whole, and everything that is wrong with it is told at once."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from string import ascii_lowercase

import langcodes
import pytest

from imprint.errors import ImprintError, ProjectError, UsageError
from imprint.project import Project, ReadOptions, glob_matches
from imprint.records import default_record_schema
from imprint.rules import language, licenses, shortest

GOLDENS = Path(__file__).parent / "goldens" / "project"
CASES = sorted(path.name for path in GOLDENS.iterdir())

HEAD = 'name = "seed-news"\nversion = "1.0.0"\nlicense = "cc-by-4.0"\nlanguages = ["id"]\n'


def make(root: Path, dataset: str = HEAD, **files: str) -> Path:
    """Make a project folder; a file of schema/ that is not named is the smallest there is."""
    (root / "raw").mkdir(parents=True, exist_ok=True)
    (root / "schema").mkdir(exist_ok=True)
    (root / "schema" / "dataset.toml").write_text(dataset, "utf-8")
    (root / "schema" / "record.json").write_text(default_record_schema(), "utf-8")
    for name, text in files.items():
        (root / "schema" / name.replace("_", ".")).write_text(text, "utf-8")
    return root


def faults(root: Path) -> str:
    """Return what opening a project says is wrong."""
    with pytest.raises(ProjectError) as caught:
        Project.open(root)
    return str(caught.value)


@pytest.mark.parametrize("case", CASES)
def test_golden_messages(case: str, tmp_path: Path) -> None:
    """Every broken declaration is told in the words that stand beside it."""
    root = make(tmp_path)
    shutil.copytree(GOLDENS / case, root / "schema", dirs_exist_ok=True)
    (root / "schema" / "expected.txt").unlink(missing_ok=True)
    expected = GOLDENS / case / "expected.txt"
    assert faults(root) + "\n" == expected.read_text("utf-8")


def test_defaults(tmp_path: Path) -> None:
    """Four keys are enough; every other one has its default, or is off."""
    project = Project.open(make(tmp_path))
    settings = project.settings
    assert settings.read.include == ("**/*",)
    assert settings.splits.shares == {
        "train": Fraction(8, 10),
        "validation": Fraction(1, 10),
        "test": Fraction(1, 10),
    }
    assert list(settings.splits.shares) == ["train", "validation", "test"]
    assert settings.write.shard_bytes == 512_000_000
    assert settings.limits.record_bytes == 16_777_216
    assert settings.limits.file_records == 10_000_000
    assert (settings.dedup.exact, settings.dedup.near) == (True, 0.8)
    assert project.errata == ()
    assert project.publishers.sources == ()
    assert project.card == ""
    assert project.dataset == tmp_path / "build" / "dataset"


def test_everything_that_is_there(tmp_path: Path) -> None:
    """Every key that is built is taken, and what it says stands in the settings."""
    dataset = HEAD.replace("1.0.0", "1.2.3-rc.4") + (
        'title = "T"\ndescription = "D"\nhomepage = "https://example.org"\nrepository = "../x"\n'
        'authors = ["A. B."]\ndate = "2022-01-19"\n'
        '[read]\ninclude = ["news/**"]\nexclude = ["**/*.bak"]\nid = "nr"\nencoding = "cp1252"\n'
        '[[read.rule]]\nfiles = "news/*.csv"\ntext = "berita"\ndelimiter = ";"\n'
        '[language]\ndetector = "fasttext"\nunexpected = "reject"\n'
        "[source]\nstrip = false\nrequired = true\n"
        "[dedup]\nexact = false\nnear = 0\n"
        '[splits]\nshares = { b = 0.7, a = 0.30 }\ngroup = "source"\nsalt = "s"\n'
        '[subsets]\nby = "language"\n[privacy]\nemail = "keep"\n'
        "[write]\nshard_bytes = 1\n[limits]\nrecord_bytes = 5\nfile_records = 6\n"
        '[statement]\nlimitations = "few"\n'
    )
    errata = '[[erratum]]\nwrong = "CTSO"\nright = "CSTO"\nwhy = "letters transposed"\n'
    sources = (
        '[[source]]\nname = "Alhurra"\naliases = ["Al-Hurra"]\n'
        '[[rule]]\nfiles = "a/**"\nsource = "Antara"\n'
    )
    project = Project.open(
        make(tmp_path, dataset, errata_toml=errata, sources_toml=sources, card_md="# Uses\n")
    )
    assert list(project.settings.splits.shares.items()) == [
        ("b", Fraction(7, 10)),
        ("a", Fraction(3, 10)),
    ]
    assert project.settings.statement == {"limitations": "few"}
    assert project.errata[0].match == "word"
    assert project.errata[0].files == ("**/*",)
    assert project.publishers.sources[0].aliases == ("Al-Hurra",)
    assert project.publishers.rules[0].source == "Antara"
    assert project.card == "# Uses\n"
    assert project.settings.read.options_for("news/a.csv") == ReadOptions(
        text="berita", id="nr", encoding="cp1252", delimiter=";"
    )


def test_the_last_rule_that_fits_holds(tmp_path: Path) -> None:
    """Rules are laid over each other in their order, key by key."""
    rules = (
        '[[read.rule]]\nfiles = "**/*.csv"\ntext = "a"\nunit = "paragraph"\n'
        '[[read.rule]]\nfiles = "x/**"\ntext = "b"\n'
    )
    read = Project.open(make(tmp_path, HEAD + rules)).settings.read
    assert read.options_for("x/1.csv") == ReadOptions(text="b", unit="paragraph")
    assert read.options_for("1.csv") == ReadOptions(text="a", unit="paragraph")
    assert read.options_for("x/1.txt") == ReadOptions(text="b")
    assert read.options_for("1.txt") == ReadOptions()


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("**/*", "a", True),
        ("**/*", "a/b/c", True),
        ("*", "a/b", False),
        ("*.csv", "a.csv", True),
        ("*.csv", "b/a.csv", False),
        ("**/*.csv", "b/a.csv", True),
        ("hoax/**", "hoax/a/b.txt", True),
        ("hoax/**", "hoax2/a.txt", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("?.txt", "\u00e9.txt", True),
        ("?", "/", False),
        ("[a-c].txt", "b.txt", True),
        ("[!a-c].txt", "b.txt", False),
        ("[!a]", "/", False),
        ("[", "[", True),
        ("a.b", "axb", False),
        ("A", "a", False),
        ("a\\xff", "a\\xff", True),
        ("**", "a\nb/c", True),
    ],
)
def test_globs(pattern: str, path: str, fits: bool) -> None:
    """A glob fits what it says and nothing else."""
    assert glob_matches(pattern, path) is fits


@pytest.mark.parametrize("shares", ["{ a = 1 }", "{ a = 1.0 }", "{ a = 0.7, b = 0.1, c = 0.2 }"])
def test_shares_are_added_exactly(shares: str, tmp_path: Path) -> None:
    """0.7 + 0.1 + 0.2 is 1, which it is not in binary; a whole number is taken for a decimal."""
    project = Project.open(make(tmp_path, f"{HEAD}[splits]\nshares = {shares}\n"))
    assert sum(project.settings.splits.shares.values()) == 1


@pytest.mark.parametrize("shares", ["{}", "{ a = 0.9999999999999999999 }", "{ a = nan }"])
def test_shares_that_are_nearly_one(shares: str, tmp_path: Path) -> None:
    """What is rounded to 1 is not 1."""
    assert "dataset.toml:6: " in faults(make(tmp_path, f"{HEAD}[splits]\nshares = {shares}\n"))


@pytest.mark.parametrize("name", ["a", "a-b", "1-2-3", "a" * 96])
def test_good_names(name: str, tmp_path: Path) -> None:
    """Names of small letters, digits and single dashes are taken."""
    assert Project.open(make(tmp_path, HEAD.replace("seed-news", name))).settings.name == name


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "a--b", "A", "a_b", "a.b", "a/b", "a" * 97, "a\\n"]
)
def test_bad_names(name: str, tmp_path: Path) -> None:
    """Every other name is refused, as the Hub or a wheel would refuse it."""
    assert "dataset.toml:1: name" in faults(make(tmp_path, HEAD.replace("seed-news", name)))


@pytest.mark.parametrize(
    "version", ["1.0", "1.0.0.0", "01.0.0", "1.0.0-rc1", "1.0.0-rc.01", "1.0.0\\n"]
)
def test_bad_versions(version: str, tmp_path: Path) -> None:
    """A version is X.Y.Z or X.Y.Z-rc.N."""
    assert "dataset.toml:2: version" in faults(make(tmp_path, HEAD.replace("1.0.0", version)))


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF-16", "cp1252", "shift_jis", "utf-8-sig", "koi8-r"]
)
def test_encodings(encoding: str, tmp_path: Path) -> None:
    """Every codec that decodes a file is taken."""
    project = Project.open(make(tmp_path, f'{HEAD}[read]\nencoding = "{encoding}"\n'))
    assert project.settings.read.encoding == encoding


@pytest.mark.parametrize("encoding", ["latin-99", "hex", "rot13", "idna", "unicode_escape", "zip"])
def test_bad_encodings(encoding: str, tmp_path: Path) -> None:
    """What is no codec, or turns bytes into something else than a file's text, is refused."""
    assert "dataset.toml:6: " in faults(make(tmp_path, f'{HEAD}[read]\nencoding = "{encoding}"\n'))


@pytest.mark.parametrize("wrong", ["a|", r"\\b", "(?m)^", "$", r"\\B", r"(?:\\bx)?", "a{0}"])
def test_expressions_that_match_nothing(wrong: str, tmp_path: Path) -> None:
    """An expression that can match no character at all is refused."""
    errata = f'[[erratum]]\nwrong = "{wrong}"\nright = "b"\nmatch = "regex"\n'
    assert "match nothing" in faults(make(tmp_path, errata_toml=errata))


@pytest.mark.parametrize("right", ["$1", "${1}a", "$name", "$0", "$$9", "100 $", ""])
def test_references_to_groups(right: str, tmp_path: Path) -> None:
    """What `right` refers to is there in `wrong`."""
    errata = f'[[erratum]]\nwrong = "(?P<name>a)b"\nright = "{right}"\nmatch = "regex"\n'
    assert Project.open(make(tmp_path, errata_toml=errata)).errata[0].right == right


def test_fields_and_groups_are_columns(tmp_path: Path) -> None:
    """What record.json names can be taken over and grouped by."""
    record = default_record_schema().replace(
        '"raw_file": {', '"year": {"type": "integer"},\n    "raw_file": {'
    )
    dataset = f'{HEAD}[read.fields]\nyear = "jahr"\nlanguage = "lang"\n[splits]\ngroup = "year"\n'
    project = Project.open(make(tmp_path, dataset, record_json=record))
    assert project.record.extras == ["year"]
    assert project.settings.splits.group == "year"


def test_no_project(tmp_path: Path) -> None:
    """Where there is no project, one line says so and names the command that makes one."""
    with pytest.raises(UsageError, match="no such folder"):
        Project.open(tmp_path / "none")
    with pytest.raises(UsageError, match=r"no raw/.*then run imprint init "):
        Project.open(tmp_path)
    (tmp_path / "raw").mkdir()
    with pytest.raises(ProjectError, match=r"no schema/.*run imprint init "):
        Project.open(tmp_path)
    (tmp_path / "schema").mkdir()
    with pytest.raises(ProjectError, match=r"no schema/dataset.toml.*run imprint init "):
        Project.open(tmp_path)
    make(tmp_path)
    (tmp_path / "schema" / "record.json").unlink()
    assert faults(tmp_path).startswith("schema/record.json: no such file")


def test_declaration_digests(tmp_path: Path) -> None:
    """Every file that decides something has its digest; releases and hidden files have none."""
    project = Project.open(make(tmp_path, errata_toml=""))
    before = project.declaration_digests()
    assert list(before) == ["schema/dataset.toml", "schema/errata.toml", "schema/record.json"]
    (tmp_path / "schema" / "releases").mkdir()
    (tmp_path / "schema" / "releases" / "1.0.0.parquet").write_bytes(b"x")
    (tmp_path / "schema" / "releases.toml").write_text("", "utf-8")
    (tmp_path / "schema" / ".swap").write_text("", "utf-8")
    assert project.declaration_digests() == before
    (tmp_path / "schema" / "errata.toml").write_text("#", "utf-8")
    assert project.declaration_digests() != before


def test_twenty_faults_are_shown(tmp_path: Path) -> None:
    """All faults of all files are gathered; the message shows twenty and counts the rest."""
    dataset = HEAD + "".join(f"zzz{number} = 1\n" for number in range(30))
    with pytest.raises(ImprintError) as caught:
        Project.open(make(tmp_path, dataset, errata_toml="x", record_json="{"))
    assert len(caught.value.faults) == 32
    assert str(caught.value).endswith("and 12 more")


def test_licences() -> None:
    """The list is sorted, has no doubles, and knows what datasets mostly carry."""
    known = licenses()
    assert list(known) == sorted(set(known))
    assert {"cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "odc-by", "mit", "apache-2.0", "other"} <= {
        *known
    }


def test_short_tags_are_known_without_tables() -> None:
    """The tags that are taken as they are, are those that langcodes leaves alone."""
    tags = [one + other for one in ascii_lowercase for other in ascii_lowercase]
    right = {tag for tag in tags if langcodes.tag_is_valid(tag)}
    two = {tag for tag in shortest() if len(tag) == 2}
    assert two == {tag for tag in right if langcodes.standardize_tag(tag) == tag}
    assert all(langcodes.standardize_tag(tag) == tag for tag in shortest())
    assert all(language(tag) is None for tag in shortest())
    assert language("iw") == ('its shortest form, "he"', 'write "he"')
