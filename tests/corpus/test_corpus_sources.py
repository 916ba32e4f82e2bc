"""Every kind of source against the real thing: packages, folders, an HTTP server, an S3 server, `datasets`."""

import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3fs
from ports import free_ports

from components.core.errors import BadInput
from components.core.lineage import sha256_file
from components.corpus.catalogue import load_catalogue
from components.corpus.documents import Document
from components.corpus.formats import tree_sha256
from components.corpus.packages import fetch
from components.corpus.sources import read_source
from tests.conftest import S3Server
from tests.corpus.conftest import write_catalogue

_FILES = {"one.txt": b"The first text.", "sub/two.txt": b"The second text.\r\n", "sub/three.md": b"Not asked for."}
_WANTED = {name: data for name, data in _FILES.items() if name.endswith(".txt")}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path / "home"))


def read(tmp_path: Path, entry: dict[str, Any]) -> list[Document]:
    catalogue = load_catalogue(write_catalogue(tmp_path / "catalogue.yaml", {"mine": entry}))
    return list(read_source("mine", catalogue.sources["mine"]))


def texts(documents: list[Document]) -> dict[str, str]:
    assert {document.source for document in documents} == {"mine"}
    return {document.path: document.text for document in documents}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in _FILES.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "folder"


# --- packages


def _wheel(path: Path, name: str, version: str) -> Path:
    """A wheel as a build tool would leave it, with a set-up file that must never run."""
    archive = path / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(archive, "w") as out:
        for member, data in _FILES.items():
            out.writestr(f"{name}/{member}", data)
        out.writestr("setup.py", "raise SystemExit('executed')")
        out.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        out.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        out.writestr(f"{info}/RECORD", "")
    return archive


def _tarball(path: Path, root: str, name: str = "made-1.0.tar.gz") -> Path:
    with tarfile.open(path / name, "w:gz") as out:
        for member, data in {**_FILES, "setup.py": b"raise SystemExit('executed')"}.items():
            info = tarfile.TarInfo(f"{root}/{member}")
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo(f"{root}/passwd.txt")  # a link out of the archive is no member to read
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        out.addfile(link)
    return path / name


def _package(archive: Path, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "package",
        "registry": "pypi",
        "name": "made",
        "version": "1.0",
        "sha256": sha256_file(archive),
        "members": "*.txt",
    } | fields


def test_a_wheel_and_a_source_archive_on_disk_are_taken_apart(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path, "made", "1.0")
    found = texts(read(tmp_path, _package(wheel, file=str(wheel), exclude="*/sub/*")))
    assert found == {"made/one.txt": "The first text."}
    tarball = _tarball(tmp_path, "made-1.0")
    found = texts(read(tmp_path, _package(tarball, file=str(tarball))))
    assert found == {"made-1.0/one.txt": "The first text.", "made-1.0/sub/two.txt": "The second text."}


def test_pip_fetches_a_pinned_wheel_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    index.mkdir()
    wheel = _wheel(index, "made", "1.0")
    _wheel(index, "made", "1.1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    entry = _package(wheel)
    assert set(texts(read(tmp_path, entry))) == {"made/one.txt", "made/sub/two.txt"}
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    assert len(read(tmp_path, entry)) == 2, "the verified archive is kept and needs no network"
    with pytest.raises(BadInput, match=r"cannot get made 2.0 from pypi.*check the network"):
        read(tmp_path, entry | {"version": "2.0", "sha256": "0" * 64})


def test_a_package_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    index.mkdir()
    wheel = _wheel(index, "made", "1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with pytest.raises(BadInput, match=f"mine: .*has sha256 {sha256_file(wheel)}"):
        read(tmp_path, _package(wheel, sha256="0" * 64))
    assert not list((tmp_path / "home/downloads").iterdir())
    with pytest.raises(BadInput, match=r"mine: .*content has sha256"):
        read(tmp_path, _package(wheel, sha256="0" * 64, file=str(wheel)))


def test_a_source_distribution_is_never_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    index.mkdir()
    archive = _tarball(index, "made-1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with pytest.raises(BadInput, match=r"cannot get made 1\.0") as error:
        fetch("pypi", "made", "1.0", sha256_file(archive), where="mine")
    assert "executed" not in str(error.value)


def test_an_npm_package_is_fetched_by_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of one package on loopback; its install script must not run."""
    files = tmp_path / "registry"
    files.mkdir()
    manifest = {
        "name": "made",
        "version": "1.0.0",
        "scripts": {"install": "touch executed", "prepare": "touch executed"},
    }
    with tarfile.open(files / "made-1.0.0.tgz", "w:gz") as out:
        for name, data in {**_FILES, "package.json": json.dumps(manifest).encode()}.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    with serve(files) as url:
        (files / "made").write_text(
            json.dumps(
                {
                    "name": "made",
                    "dist-tags": {"latest": "1.0.0"},
                    "versions": {"1.0.0": manifest | {"dist": {"tarball": f"{url}/made-1.0.0.tgz"}}},
                }
            )
        )
        monkeypatch.setenv("npm_config_registry", url)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        archive = files / "made-1.0.0.tgz"
        found = texts(read(tmp_path, _package(archive, registry="npm", version="1.0.0")))
    assert set(found) == {"package/one.txt", "package/sub/two.txt"}
    assert not list(tmp_path.rglob("executed"))


def test_a_debian_package_is_taken_apart(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: made\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: made\n"
    )
    (tree / "usr/share").mkdir(parents=True)
    (tree / "usr/share/one.txt").write_text("The first text.")
    archive = tmp_path / "made_1.0_all.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", str(tree), str(archive)], check=True, capture_output=True
    )
    entry = _package(archive, registry="debian", file=str(archive))
    assert texts(read(tmp_path, entry)) == {"usr/share/one.txt": "The first text."}


def test_a_missing_client_or_archive_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = _wheel(tmp_path, "made", "1.0")
    with pytest.raises(BadInput, match=r"nowhere.whl: no such archive"):
        read(tmp_path, _package(wheel, file="nowhere.whl"))
    wheel.write_bytes(b"no archive")
    with pytest.raises(BadInput, match="cannot be taken apart"):
        read(tmp_path, _package(wheel, file=str(wheel)))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="needs `npm`"):
        read(tmp_path, _package(wheel, registry="npm", sha256="0" * 64))


# --- local


def test_a_folder_and_a_file(tmp_path: Path, folder: Path) -> None:
    entry = {"kind": "local", "path": str(folder), "members": "*.txt", "sha256": tree_sha256(_WANTED.items())}
    assert texts(read(tmp_path, entry)) == {"one.txt": "The first text.", "sub/two.txt": "The second text."}
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"body": "A"}\n{"body": " "}\n{"body": "B"}\n'))
    entry = {"kind": "local", "path": str(packed), "format": "jsonl", "text_field": "body"}
    found = texts(read(tmp_path, entry | {"sha256": sha256_file(packed)}))
    assert found == {"rows.jsonl.gz#0": "A", "rows.jsonl.gz#2": "B"}, "an empty text is no document"


def test_a_folder_that_changed_or_is_missing_is_refused(tmp_path: Path, folder: Path) -> None:
    entry = {"kind": "local", "path": str(folder), "members": "*.txt", "sha256": tree_sha256(_WANTED.items())}
    (folder / "one.txt").write_bytes(b"Another text.")
    with pytest.raises(BadInput, match=r"mine: .*content has sha256"):
        read(tmp_path, entry)
    with pytest.raises(BadInput, match="no file matches"):
        read(tmp_path, entry | {"members": "*.pdf"})
    with pytest.raises(BadInput, match="no such file or folder"):
        read(tmp_path, entry | {"path": str(folder / "nowhere")})


# --- http


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class serve:  # noqa: N801 - used as `with serve(folder) as url`
    """The standard library's file server on a free port of loopback."""

    def __init__(self, folder: Path) -> None:
        handler = functools.partial(_Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def served(folder: Path) -> Iterator[str]:
    with serve(folder) as url:
        yield url


def test_a_file_behind_a_url(tmp_path: Path, served: str) -> None:
    entry = {"kind": "http", "url": f"{served}/one.txt", "sha256": hashlib.sha256(_FILES["one.txt"]).hexdigest()}
    assert texts(read(tmp_path, entry)) == {"one.txt": "The first text."}
    with pytest.raises(BadInput, match="content has sha256"):
        read(tmp_path, entry | {"sha256": "0" * 64})
    with pytest.raises(BadInput, match=r"404.*check the network"):
        read(tmp_path, entry | {"url": f"{served}/nowhere.txt"})


def test_no_network_is_said_in_one_line(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with pytest.raises(BadInput, match=r"mine: http.*check the network") as error:
        read(tmp_path, {"kind": "http", "url": f"http://127.0.0.1:{port}/a", "sha256": "0" * 64})
    assert len(str(error.value).splitlines()) == 1


# --- s3


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.bucket


def test_objects_below_a_prefix(tmp_path: Path, bucket: str) -> None:
    filesystem = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"], skip_instance_cache=True)
    filesystem.pipe({f"{bucket}/corpus/{name}": data for name, data in _FILES.items()})
    filesystem.pipe({f"{bucket}/corpus-other/four.txt": b"Below another prefix."})
    entry = {"kind": "s3", "url": f"s3://{bucket}/corpus", "members": "*.txt", "sha256": tree_sha256(_WANTED.items())}
    assert texts(read(tmp_path, entry)) == {"one.txt": "The first text.", "sub/two.txt": "The second text."}
    with pytest.raises(BadInput, match="content has sha256"):
        read(tmp_path, entry | {"sha256": "0" * 64})
    with pytest.raises(BadInput, match=f"s3://{bucket}/nowhere|no file matches"):
        read(tmp_path, entry | {"url": f"s3://{bucket}/nowhere"})


def test_wrong_credentials_and_a_silent_endpoint_are_named(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"kind": "s3", "url": f"s3://{bucket}/corpus", "sha256": "0" * 64}
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(BadInput, match="AWS_SECRET_ACCESS_KEY"):
        read(tmp_path, entry)
    (port,) = free_ports(1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(BadInput, match="AWS_ENDPOINT_URL"):
        read(tmp_path, entry)


# --- huggingface


def test_a_data_set_is_streamed_by_the_library(tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    rows = [{"content": f"Text {number}."} for number in range(5)]
    (dataset / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (dataset / "test.jsonl").write_text(json.dumps({"content": "Held out."}) + "\n")
    digest = tree_sha256((path.name, path.read_bytes()) for path in dataset.iterdir())
    entry = {"kind": "huggingface", "dataset": str(dataset), "sha256": digest, "text_field": "content"}
    assert texts(read(tmp_path, entry)) == {f"train#{number}": f"Text {number}." for number in range(5)}
    assert len(read(tmp_path, entry | {"max_documents": 2})) == 2
    assert texts(read(tmp_path, entry | {"split": "test"})) == {"test#0": "Held out."}
    with pytest.raises(BadInput, match=r"no text in field 'text' \(has: content\)"):
        read(tmp_path, entry | {"text_field": "text"})
    with pytest.raises(BadInput, match=r"dataset = .*split"):
        read(tmp_path, entry | {"split": "nowhere"})
    with pytest.raises(BadInput, match="content has sha256"):
        read(tmp_path, entry | {"sha256": "0" * 64})


def test_a_hub_out_of_reach_is_said_in_one_line(tmp_path: Path) -> None:
    """In a process of its own: the library reads HF_HUB_OFFLINE when it is imported."""
    code = (
        "import sys; from pathlib import Path\n"
        "from components.corpus.catalogue import HuggingFaceSource\n"
        "from components.corpus.sources import read_source\n"
        "from components.core.errors import BadInput\n"
        "source = HuggingFaceSource(kind='huggingface', dataset='nobody/nothing', revision='0' * 40,\n"
        "    domain='general', language='en', licence='MIT')\n"
        "try:\n    list(read_source('mine', source))\nexcept BadInput as error:\n    print(error)"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.startswith("mine: dataset = nobody/nothing: ") and len(done.stdout.splitlines()) == 1
