"""Published packages as containers of text: fetched by pinned name, checked by hash, taken apart, never executed.

Each registry's own client fetches, so mirrors and proxies set up for it hold here too. Only finished archives are
asked for (wheels, tarballs, Debian packages): building a source distribution would run its code.
"""

from __future__ import annotations

import fnmatch
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from components.core.errors import BadInput
from components.core.files import write_file
from components.core.lineage import sha256_file
from components.core.paths import home

Registry = Literal["pypi", "npm", "debian"]
_FETCH_TIMEOUT_S = 600
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
_PIP_DOWNLOAD = (*_PIP, "download", "--quiet", "--no-input", "--no-deps", "--only-binary=:all:")
_CLIENTS: dict[Registry, str] = {"pypi": "pip", "npm": "npm", "debian": "apt-get"}


def fetch(registry: Registry, name: str, version: str, sha256: str | None, *, where: str) -> Path:
    """The package's archive in the download cache, fetched if it is not there yet.

    `where` names what asked for it. Raises BadInput if the client is missing or fails, or the hash is another one.
    """
    cache = home() / "downloads"
    cache.mkdir(parents=True, exist_ok=True)
    if sha256:
        kept = next(iter(sorted(cache.glob(f"{sha256}-*"))), None)
        if kept and sha256_file(kept) == sha256:
            return kept
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        _download(registry, name, version, Path(scratch), where)
        archives = [path for path in Path(scratch).iterdir() if path.is_file()]
        assert len(archives) == 1, f"{registry} left {archives}"
        found = sha256_file(archives[0])
        if sha256 and found != sha256:
            raise BadInput(
                f"{where}: {archives[0].name} from {registry} has sha256 {found}, the catalogue says {sha256}; "
                "find out why it changed, then correct the catalogue"
            )
        target = cache / f"{found}-{archives[0].name}"
        with write_file(target) as temporary:
            archives[0].replace(temporary)
    return target


def _download(registry: Registry, name: str, version: str, directory: Path, where: str) -> None:
    commands: dict[Registry, list[str]] = {
        "pypi": [*_PIP_DOWNLOAD, "--dest", str(directory), f"{name}=={version}"],
        "npm": ["npm", "pack", f"{name}@{version}", "--ignore-scripts", "--pack-destination", str(directory)],
        "debian": ["apt-get", "download", "--quiet", f"{name}={version}"],
    }
    command = commands[registry]
    if shutil.which(command[0]) is None:
        raise BadInput(f"{where}: needs `{_CLIENTS[registry]}`, which is not on this machine; install it")
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BadInput(
            f"{where}: {name} {version} did not come from {registry} within {_FETCH_TIMEOUT_S} s; check the network"
        ) from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(("W:", "WARNING"))]
        reason = errors[-1].strip() if errors else "no reason given"
        raise BadInput(
            f"{where}: cannot get {name} {version} from {registry}: {reason}; "
            "check the network, the name and the version"
        )


def read_members(archive: Path, pattern: str, exclude: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of the archive's regular files that match `pattern` (`*` crosses folders), sorted by path.

    Raises BadInput if the archive cannot be opened.
    """

    def wanted(path: str) -> bool:
        return fnmatch.fnmatchcase(path, pattern) and not (exclude and fnmatch.fnmatchcase(path, exclude))

    try:
        if archive.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(archive) as unzipped:
                for path in sorted(unzipped.namelist()):
                    if wanted(path) and not path.endswith("/"):
                        yield path, unzipped.read(path)
        else:
            with _open_tar(archive) as tar:
                members = {member.name.removeprefix("./"): member for member in tar if member.isfile()}
                for path in sorted(members):
                    if wanted(path):
                        stream = tar.extractfile(members[path])
                        assert stream is not None
                        yield path, stream.read()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise BadInput(f"{archive}: cannot be taken apart: {error}") from error


def _open_tar(archive: Path) -> tarfile.TarFile:
    if archive.suffix != ".deb":
        return tarfile.open(archive)
    if shutil.which("dpkg-deb") is None:
        raise BadInput(f"{archive}: needs `dpkg-deb`, which is not on this machine; install dpkg")
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(archive)], capture_output=True, check=False)
    if tar.returncode:
        raise BadInput(f"{archive}: cannot be taken apart: {tar.stderr.decode(errors='replace').strip()}")
    return tarfile.open(fileobj=io.BytesIO(tar.stdout))
