"""A project on an object store gives the rows and shards that a folder gives."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imprint.manifest import Manifest
from imprint.press import build
from tests.projects import imprint as run
from tests.projects import ledger, make, sentences
from tests.test_taught import NEW, TAUGHT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("s3fs", reason="pip install 'imprint[s3]'")
pytest.importorskip("moto", reason="pip install 'moto[server]'")

pytestmark = [
    # Ray and the server leave sockets and pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

SMALL_GROUPS = "[write]\nshard_bytes = 20_000\n"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An S3 on loopback; the environment that finds it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    found = {
        "FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "TMPDIR": str(tmp_path_factory.mktemp("scratch")),
        "AWS_EC2_METADATA_DISABLED": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    files = opened(found)
    files.mkdir("bucket")
    yield found
    server.stop()


def imprint(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, with an environment."""
    return run(*arguments, folder=None, **environment)


def opened(environment: dict[str, str]) -> Any:
    """Return the file system of the S3."""
    return _opened(environment["FSSPEC_S3_ENDPOINT_URL"])


@functools.cache
def _opened(endpoint: str) -> Any:
    """Return the file system of an endpoint: a client takes long to make, and remembers nothing."""
    import s3fs

    return s3fs.S3FileSystem(
        endpoint_url=endpoint,
        key="key",
        secret="secret",  # noqa: S106 - of a server on loopback
        use_listings_cache=False,
        skip_instance_cache=True,
    )


@pytest.fixture(scope="module")
def cluster(s3: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster of two nodes of one core each, which share no folder for temporary files."""
    pytest.importorskip("ray", reason="pip install 'imprint[ray]'")
    from ray.cluster_utils import Cluster

    nodes: Any = Cluster()
    nodes.folders = [tmp_path_factory.mktemp(f"node-{number}") for number in range(2)]
    for folder in nodes.folders:
        there = s3 | {"TMPDIR": str(folder)}
        nodes.add_node(num_cpus=1, include_dashboard=False, env_vars=there)
    nodes.wait_for_nodes()
    yield nodes
    nodes.shutdown()


def news(files: int) -> dict[str, str | bytes]:
    """Return raw files: some of one text each, and one of many."""
    many = (json.dumps({"text": f"{text!s}{n}"}) for n, text in enumerate(sentences(300).values()))
    return sentences(files) | {"many.jsonl": "\n".join(many)}


def put(s3: dict[str, str], project: Path, name: str) -> str:
    """Copy raw/ and schema/ of a project to the S3; return the URL."""
    files = opened(s3)
    for folder in ("raw", "schema"):
        for path in (project / folder).rglob("*"):
            if path.is_file():
                files.put_file(str(path), f"bucket/{name}/{path.relative_to(project).as_posix()}")
    return f"s3://bucket/{name}"


def shards(s3: dict[str, str], name: str) -> dict[str, bytes]:
    """Return the shards of a dataset on the S3, by their paths without the digest."""
    import hashlib

    files, found = opened(s3), {}
    for path in files.find(f"bucket/{name}/build/dataset/data"):
        content = files.cat_file(path)
        stem, _, digest = path.partition("/data/")[2].removesuffix(".parquet").rpartition("-")
        assert digest == hashlib.sha256(content).hexdigest()[:16]
        found[f"{stem}.parquet"] = content
    return found


def manifest(s3: dict[str, str], name: str) -> Manifest:
    """Return the manifest of a dataset on the S3."""
    return Manifest.parse(opened(s3).cat_file(f"bucket/{name}/build/dataset/imprint.json"), name)


def same(s3: dict[str, str], name: str, project: Path) -> None:
    """Hold a dataset on the S3 equal to the one in a folder."""
    here, there = Manifest.open(project / "build" / "dataset"), manifest(s3, name)
    assert (there.digest, there.records) == (here.digest, here.records)
    data = project / "build" / "dataset" / "data"
    assert shards(s3, name) == {
        path.relative_to(data).as_posix(): path.read_bytes() for path in data.rglob("*.parquet")
    }
    assert {file.path for file in there.files} | {"imprint.json"} == {
        path.partition("/build/dataset/")[2]
        for path in opened(s3).find(f"bucket/{name}/build/dataset")
    }
    for file in there.files:
        if file.path != "README.md":
            content = opened(s3).cat_file(f"bucket/{name}/build/dataset/{file.path}")
            assert len(content) == file.bytes


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a folder, built; of several shards, with an odd name."""
    raw = news(12) | {"odd/a b%c+ü.txt": "Pasukan CTSO itu pulang pada hari Kamis."}
    project = make(tmp_path_factory.mktemp("here") / "corpus", raw, more=SMALL_GROUPS)
    build(project, workers=1)
    return project


def test_build_on_a_store(s3: dict[str, str], here: Path) -> None:
    """A build at a URL leaves the shards, the ledger and a manifest there; and says where."""
    url = put(s3, here, "one")
    done = imprint("build", f"{url}/", "--workers", "2", **s3)
    assert done.returncode == 0, done.stderr
    assert f"  dataset     {url}/build/dataset  (rows " in done.stdout
    assert f"  ledger      {url}/build/rejected.jsonl\n" in done.stdout
    same(s3, "one", here)
    files = opened(s3)
    lines = files.cat_file("bucket/one/build/rejected.jsonl").decode().splitlines()
    assert [json.loads(line) for line in lines] == ledger(here)
    assert not files.exists("bucket/one/build/lock")
    assert not files.find("bucket/one/build/cache/groups")


def test_small_change_rewrites_little(s3: dict[str, str], here: Path, tmp_path: Path) -> None:
    """What is there already is not put there again; what is past is deleted."""
    project = make(tmp_path / "corpus", news(12), more=SMALL_GROUPS)
    url = put(s3, project, "two")
    assert imprint("build", url, **s3).returncode == 0
    files = opened(s3)
    before = {p: i["LastModified"] for p, i in files.find("bucket/two/build", detail=True).items()}
    assert imprint("build", url, **s3).returncode == 0
    again = {p: i["LastModified"] for p, i in files.find("bucket/two/build", detail=True).items()}
    assert again == before
    files.pipe_file("bucket/two/raw/0007.txt", b"Rusia mengirim delegasi ke Yerevan.")
    (project / "raw" / "0007.txt").write_text("Rusia mengirim delegasi ke Yerevan.")
    assert imprint("build", url, **s3).returncode == 0
    build(project, workers=1)
    same(s3, "two", project)
    after = files.find("bucket/two/build/dataset/data", detail=True)
    fresh = [path for path, info in after.items() if before.get(path) != info["LastModified"]]
    assert 1 <= len(fresh) <= 2 < len(after)


def test_subsets_have_folders_there_too(s3: dict[str, str], tmp_path: Path) -> None:
    """Shards of two folders that have one name, and their row groups, are told apart."""
    lines = [
        json.dumps({"text": f"{text!s}{n}", "publisher": ["data", "groups.new", None][n % 3]})
        for n, text in enumerate(sentences(90).values())
    ]
    more = '[read.fields]\nsource = "publisher"\n[subsets]\nby = "source"\n'
    project = make(tmp_path / "corpus", {"a.jsonl": "\n".join(lines)}, more=more)
    url = put(s3, project, "subsets")
    code = (
        "import imprint, imprint.publish as publish\n"
        "publish.ROW_GROUP_BYTES = 4_000\n"
        "if __name__ == '__main__':\n"
        "    imprint.build({!r}, workers=1)\n"
    )
    for text in ("", "Rusia mengirim delegasi ke Yerevan."):
        if text:
            lines[0] = json.dumps({"text": text, "publisher": "data"})
            (project / "raw" / "a.jsonl").write_text("\n".join(lines))
            opened(s3).pipe_file("bucket/subsets/raw/a.jsonl", "\n".join(lines).encode())
        for where in (str(project), url):
            call = [sys.executable, "-c", code.format(where)]
            subprocess.run(call, env=os.environ | s3, check=True)
        same(s3, "subsets", project)
    found = shards(s3, "subsets")
    assert {path.rpartition("/")[0] for path in found} == {
        "data",
        "groups.new",
        "alhurra-e65e483de765",
    }
    train = found["data/train-1.parquet"]
    assert pq.ParquetFile(pa.BufferReader(train)).num_row_groups > 1


def test_an_erratum_that_comes_is_kept(s3: dict[str, str], tmp_path: Path) -> None:
    """Parts are judged by the errata in force, here as there, and what was found is kept."""
    project = make(tmp_path / "corpus", news(12))
    url = put(s3, project, "errata")
    assert imprint("build", url, **s3).returncode == 0
    files, schema = opened(s3), project / "schema" / "errata.toml"
    for wrong, right in (("Xyzzy", "Xyz"), ("kendaraan", "mobil")):
        with schema.open("a") as errata:
            errata.write(f'\n[[erratum]]\nwrong = "{wrong}"\nright = "{right}"\nwhy = "so"\n')
        files.put_file(str(schema), "bucket/errata/schema/errata.toml")
        assert imprint("build", url, **s3).returncode == 0
        build(project, workers=1)
        same(s3, "errata", project)
        told = [each for each in files.find("bucket/errata/build/cache/parts") if "json" in each]
        assert all(wrong.encode() in files.cat_file(each) for each in told)


def test_another_machine_goes_on(s3: dict[str, str], here: Path, tmp_path: Path) -> None:
    """A machine that has nothing of the project takes the parts that another one kept."""
    url = put(s3, here, "three")
    assert imprint("check", url, **s3).returncode == 0
    files = opened(s3)
    assert not files.exists("bucket/three/build/dataset")
    parts = files.find("bucket/three/build/cache/parts", detail=True)
    assert imprint("build", url, **s3 | {"TMPDIR": str(tmp_path)}).returncode == 0
    again = files.find("bucket/three/build/cache/parts", detail=True)
    assert {p: i["LastModified"] for p, i in again.items()} == {
        p: i["LastModified"] for p, i in parts.items()
    }
    same(s3, "three", here)


def test_ranges_and_joined_groups(s3: dict[str, str], tmp_path: Path, cluster: Any) -> None:
    """A big file is read in ranges by nodes that share nothing; a shard is joined from groups."""
    lines = [
        json.dumps({"text": f"Berita {n}: pasukan CTSO pulang. " + "Kota itu tenang. " * 4000})
        for n in range(550)
    ]
    project = make(tmp_path / "corpus", {"big.jsonl": "\n".join(lines), **sentences(5)})
    url = put(s3, project, "big")
    code = (
        "import imprint, imprint.publish as publish\n"
        "publish.ROW_GROUP_BYTES = 8_000_000\n"
        "if __name__ == '__main__':\n"
        "    imprint.build({!r}, fresh=True, workers=2, engine={!r}, address={!r})\n"
    )
    for where, engine, address in (
        (str(project), "local", None),
        (url, "ray", cluster.address),
        (url, "local", None),
    ):
        opened(s3).pipe_file("bucket/big/build/cache/raw.json", b"")
        for path in opened(s3).find("bucket/big/build/cache/parts"):
            opened(s3).rm_file(path)
        script = tmp_path / "script.py"
        script.write_text(code.format(where, engine, address))
        subprocess.run([sys.executable, str(script)], env=os.environ | s3, check=True)
        if where == url:
            same(s3, "big", project)
    for folder in cluster.folders:
        copies = [path.stat() for path in folder.glob("imprint-*/*/copies/*")]
        sparse = [each for each in copies if each.st_blocks * 512 < each.st_size // 2]
        assert len(copies) > len(sparse) > 0, "ranges, and what was made of them"
    parts = opened(s3).find("bucket/big/build/cache/parts")
    assert len(parts) >= 3 * 3
    train = shards(s3, "big")["train-1.parquet"]
    assert pq.ParquetFile(pa.BufferReader(train)).num_row_groups > 2


STEP = """
from pathlib import Path
from tempfile import gettempdir
HERE = Path(__file__)
assert HERE.is_relative_to(gettempdir()), "of another machine"
CITY = HERE.with_name("city.txt").read_text("utf-8")
def name_the_city(batch):
    import pyarrow.compute as pc
    text = pc.replace_substring(batch["text"], "kota itu", CITY)
    return batch.set_column(batch.schema.get_field_index("text"), "text", text)
"""


SMALL_PARTS = """
import imprint.cluster, imprint.partitions
imprint.cluster.SMALL = 0
imprint.partitions.PARTITION_LEAST = 400_000
from imprint.cli import main
main()
"""
"""The command line, for which little text is worth several parts and the nodes of a cluster."""


def in_small_parts(*arguments: str | Path, **environment: str) -> None:
    """Run the command line so in a process of its own."""
    call = [sys.executable, "-c", SMALL_PARTS, *map(str, arguments)]
    done = subprocess.run(
        call, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_steps_and_samples(s3: dict[str, str], tmp_path: Path, cluster: Any) -> None:
    """A step finds on each node what stands beside it, a taught language its sentences.

    A sample is the one of a folder.
    """
    more = '[[step]]\nrun = "steps.py:name_the_city"\n'
    calm = "Kota itu tenang sampai malam. " * 100
    raw: dict[str, str | bytes] = {
        f"{n:03}.jsonl": "".join(
            json.dumps({"text": f"Berita {n} {k}: pasukan CTSO meninggalkan kota itu. {calm}"})
            + "\n"
            for k in range(6)
        )
        for n in range(100)
    }
    project = make(tmp_path / "corpus", raw, more=more)
    (project / "schema" / "steps.py").write_text(STEP)
    (project / "schema" / "city.txt").write_text("Almaty")
    lessons = project / "schema" / "languages"
    lessons.mkdir()
    (lessons / "min.txt").write_text("\n".join(TAUGHT), "utf-8")
    (project / "raw" / "taught.txt").write_text(NEW, "utf-8")
    url = put(s3, project, "steps")
    for options in ([], ["--sample", "50"]):
        in_small_parts("build", project, *options)
        there = ["--engine", "ray", "--address", cluster.address]
        in_small_parts("build", url, *there, *options, **s3)
        same(s3, "steps", project)
        taught = manifest(s3, "steps").languages.get("min", 0)
        assert taught == 1 or options
    assert manifest(s3, "steps").sample == 50
    assert len(opened(s3).find("bucket/steps/build/cache/parts")) >= 2 * 3
    kept = opened(s3).find("bucket/steps/build/cache")
    assert {path.split("/")[4] for path in kept} == {"parts", "sample", "raw.json"}


def test_a_reader_finds_the_old_dataset_or_the_new(s3: dict[str, str], here: Path) -> None:
    """A build that fails before the manifest is there leaves the old dataset whole."""
    url = put(s3, here, "four")
    assert imprint("build", url, **s3).returncode == 0
    before = manifest(s3, "four")
    opened(s3).pipe_file("bucket/four/raw/0001.txt", b"Rusia mengirim delegasi ke Yerevan.")
    code = (
        "import imprint, imprint.away as away\n"
        "def fail(self): raise SystemExit(9)\n"
        "away.Away.leave = fail\n"
        f"imprint.build({url!r})\n"
    )
    stopped = subprocess.run([sys.executable, "-c", code], env=os.environ | s3, check=False)
    assert stopped.returncode == 9
    assert manifest(s3, "four") == before
    there = opened(s3).find("bucket/four/build/dataset")
    assert {f"bucket/four/build/dataset/{file.path}" for file in before.files} < set(there)
    assert imprint("build", url, **s3).returncode == 0
    assert manifest(s3, "four") != before
    assert len(opened(s3).find("bucket/four/build/dataset")) == len(before.files) + 1


def test_one_command_at_a_time(s3: dict[str, str], here: Path) -> None:
    """A lock object keeps others away, and the message says how to get rid of a forgotten one."""
    url = put(s3, here, "five")
    files = opened(s3)
    files.pipe_file("bucket/five/build/lock", b"elsewhere, process 1")
    done = imprint("build", url, **s3)
    assert done.returncode == 2
    assert done.stderr == (
        f"imprint: error: {url}/build: another command of imprint is at work (elsewhere, process 1)"
        f", wanted one at a time. To fix: wait until it is done; if it was killed, delete {url}"
        "/build/lock.\n"
    )


@pytest.mark.parametrize(
    ("url", "environment", "said"),
    [
        ("s3://nowhere/corpus", {}, "s3://nowhere/corpus/raw: The specified bucket does not exist"),
        ("s3://bucket/nothing", {}, "s3://bucket/nothing: no raw/, wanted a folder with the raw"),
        (
            "s3://bucket/corpus",
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nowhere"},
            "wanted the right to do that. To fix: give credentials",
        ),
        (
            "s3://bucket/corpus",
            {"FSSPEC_S3_ENDPOINT_URL": "http://127.0.0.1:9"},
            "wanted a store that answers",
        ),
        ("foo://bucket/corpus", {}, "no store is called foo"),
        ("gs://bucket/corpus", {}, "run pip install 'gcsfs'"),
    ],
)
def test_what_a_store_refuses_is_one_line(
    s3: dict[str, str], url: str, environment: dict[str, str], said: str
) -> None:
    """A store that is not there, or is no store, is said in one line, with status 2."""
    done = imprint("build", url, **s3 | environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_no_rights_is_one_line(s3: dict[str, str]) -> None:
    """A store that refuses is said in one line, in its own words."""

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        done = imprint("build", "s3://bucket/corpus", **s3 | {"FSSPEC_S3_ENDPOINT_URL": endpoint})
        server.shutdown()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "imprint: error: s3://bucket/corpus/raw: Access Denied, wanted the right to do that. To "
        "fix: give credentials that have it, as the store's own library reads them.\n"
    )


@pytest.mark.parametrize("command", [["verify"], ["wheel"], ["push"]])
def test_the_rest_wants_a_folder(s3: dict[str, str], here: Path, command: list[str]) -> None:
    """What cannot be done on a store yet is refused by name."""
    url = put(s3, here, "one")
    done = imprint(*command, url, *(["org/name"] if command == ["push"] else []), **s3)
    assert done.returncode == 2
    assert f"{url}: a URL, wanted a folder of this machine" in done.stderr
