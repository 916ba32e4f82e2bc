"""A workspace as one content-addressed archive, so that a stage elsewhere sees exactly the files it would see here.

Only what git knows or would know travels (sources, `params.yaml`, `dvc.lock`); data travels through the DVC remote.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

from components.core.errors import BadInput
from components.core.storage import open_filesystem


def pack(workspace: Path) -> bytes:
    """A deterministic tar.gz of the workspace's tracked and untracked, not ignored files."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=workspace,
        capture_output=True,
        check=True,
    )
    names = sorted(name for name in listed.stdout.decode().split("\0") if name and (workspace / name).is_file())
    archive = io.BytesIO()
    # mtime 0 and no owner: the same files give the same bytes, and so the same name.
    with (
        gzip.GzipFile(fileobj=archive, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for name in names:
            entry = tar.gettarinfo(workspace / name, name)
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
            with (workspace / name).open("rb") as stream:
                tar.addfile(entry, stream if entry.isreg() else None)
    return archive.getvalue()


def upload(snapshot: bytes, remote: str) -> str:
    """Store a snapshot below `remote` under its hash and return its URL; one that is there already is left alone."""
    filesystem, root = open_filesystem(remote)
    name = f"workspaces/{hashlib.sha256(snapshot).hexdigest()}.tar.gz"
    path = f"{root.rstrip('/')}/{name}"
    if not filesystem.exists(path):
        filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        filesystem.pipe_file(path, snapshot)
    return f"{remote.rstrip('/')}/{name}"


def unpack(url: str, directory: Path) -> None:
    """Fetch a snapshot and extract it into `directory`. Raises BadInput if it is missing or not what its name says."""
    filesystem, path = open_filesystem(url)
    try:
        snapshot = filesystem.cat_file(path)
    except FileNotFoundError:
        raise BadInput(f"{url}: no such workspace snapshot; start the flow run again") from None
    if hashlib.sha256(snapshot).hexdigest() != url.rpartition("/")[2].removesuffix(".tar.gz"):
        raise BadInput(f"{url}: the workspace snapshot is corrupt; delete it and start the flow run again")
    directory.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(snapshot)) as tar:
        tar.extractall(directory, filter="data")
