"""The kinds of source: each yields path, text and metadata of its documents, verified against its pin first."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from components.core.errors import BadInput
from components.core.lineage import sha256_file
from components.corpus import formats
from components.corpus.catalogue import (
    Decoded,
    HttpSource,
    HuggingFaceSource,
    LocalSource,
    PackageSource,
    S3Source,
    Source,
    StarterSource,
)
from components.corpus.documents import Document, clean_text, read_lines, text_id
from components.corpus.packages import fetch, read_members

STARTER = Path(__file__).parent / "starter"
_HTTP_TIMEOUT_S = 60.0
Raw = tuple[str, str, dict[str, Any]]  # path, text, metadata


def read_source(name: str, source: Source) -> Iterator[Document]:
    """The documents of one source; empty texts are left out.

    Raises BadInput naming the source if it is missing, changed, unreadable or out of reach.
    """
    for path, raw, metadata in _READERS[source.kind](name, source):
        text = clean_text(raw)
        if text:
            yield Document(
                id=text_id(text),
                text=text,
                domain=source.domain,
                language=source.language,
                source=name,
                licence=source.licence,
                path=path,
                metadata=metadata,
            )


def _starter(name: str, source: StarterSource) -> Iterator[Raw]:
    path = STARTER / source.file
    if not path.is_file():
        raise BadInput(f"{name}: {path} is missing; restore it with `git checkout -- {path}`")
    formats.expect_sha256(f"{name}: {path}", sha256_file(path), source.sha256)
    for line in read_lines(path):
        row = orjson.loads(line)
        yield row["path"], row["text"], row.get("metadata", {})


def _package(name: str, source: PackageSource) -> Iterator[Raw]:
    if source.file is not None:
        if not source.file.is_file():
            raise BadInput(f"{name}: file = {source.file}: no such archive; correct the path or remove `file`")
        formats.expect_sha256(f"{name}: {source.file}", sha256_file(source.file), source.sha256)
        archive = source.file
    else:
        archive = fetch(source.registry, source.name, source.version, source.sha256, where=name)
    yield from _decode(name, read_members(archive, source.members, source.exclude), source)


def _local(name: str, source: LocalSource) -> Iterator[Raw]:
    root = source.location
    if root.is_file():
        formats.expect_sha256(f"{name}: {root}", sha256_file(root), source.sha256)
        yield from _decode(name, [(root.name, root.read_bytes())], source)
    elif root.is_dir():
        members = formats.verified(f"{name}: {root}", _folder(root, source.members), source.sha256)
        yield from _decode(name, members, source)
    else:
        raise BadInput(f"{name}: path = {root}: no such file or folder; correct the path")


def _s3(name: str, source: S3Source) -> Iterator[Raw]:
    from botocore.exceptions import BotoCoreError, ClientError

    from components.core.storage import open_filesystem

    filesystem, root = open_filesystem(source.url)
    root = root.rstrip("/")

    def objects() -> Iterator[tuple[str, bytes]]:
        try:
            for key in sorted(filesystem.find(root)):
                path = key.removeprefix(f"{root}/")
                if fnmatch.fnmatchcase(path, source.members):
                    yield path, filesystem.cat_file(key)
        except (OSError, BotoCoreError, ClientError) as error:
            endpoint = os.environ.get("AWS_ENDPOINT_URL", "the default endpoint")
            raise BadInput(
                f"{name}: {source.url} at {endpoint} cannot be read ({_one_line(error)}); check the URL, "
                "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error

    yield from _decode(name, formats.verified(f"{name}: {source.url}", objects(), source.sha256), source)


def _http(name: str, source: HttpSource) -> Iterator[Raw]:
    import httpx

    try:
        response = httpx.get(source.url, follow_redirects=True, timeout=_HTTP_TIMEOUT_S).raise_for_status()
    except httpx.HTTPError as error:
        raise BadInput(f"{name}: {source.url}: {_one_line(error)}; check the network and the URL") from error
    formats.expect_sha256(f"{name}: {source.url}", hashlib.sha256(response.content).hexdigest(), source.sha256)
    yield from _decode(name, [(PurePosixPath(response.url.path).name, response.content)], source)


def _huggingface(name: str, source: HuggingFaceSource) -> Iterator[Raw]:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import datasets
    import httpx

    where = f"{name}: dataset = {source.dataset}"
    if source.sha256 is not None:
        folder = Path(source.dataset)
        if not folder.is_dir():
            raise BadInput(f"{where}: no such folder; correct the path, or pin a hub data set with `revision`")
        formats.expect_sha256(where, formats.tree_sha256(_folder(folder, "*")), source.sha256)
    try:
        rows = datasets.load_dataset(
            source.dataset, source.config, split=source.split, revision=source.revision, streaming=True
        )
        if source.max_documents is not None:
            rows = rows.take(source.max_documents)
        for number, row in enumerate(rows):
            if not isinstance(row.get(source.text_field), str):
                raise BadInput(
                    f"{where}: no text in field {source.text_field!r} (has: {', '.join(row)}); correct `text_field`"
                )
            yield f"{source.split}#{number}", row[source.text_field], {}
    except (OSError, ValueError, httpx.HTTPError, datasets.exceptions.DatasetsError) as error:
        raise BadInput(
            f"{where}: {_one_line(error)}; check the name, the revision, the split and the network"
        ) from error


def _folder(root: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    for path in sorted(files):
        if fnmatch.fnmatchcase(path, pattern):
            yield path, files[path].read_bytes()


def _decode(name: str, members: Iterable[tuple[str, bytes]], source: Decoded) -> Iterator[Raw]:
    empty = True
    for path, data in members:
        empty = False
        for place, text in formats.decode(path, data, source.format, source.text_field):
            yield place, text, {}
    if empty:
        raise BadInput(f"{name}: no file matches members = {getattr(source, 'members', '*')!r}; correct it")


def _one_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


_READERS: dict[str, Callable[[str, Any], Iterator[Raw]]] = {
    "starter": _starter,
    "package": _package,
    "local": _local,
    "s3": _s3,
    "http": _http,
    "huggingface": _huggingface,
}
