"""Object storage: the one place that opens a bucket.

A URL is either a local path or `s3://bucket/prefix`; the endpoint and credentials come from the environment
(AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), never from a file that is versioned.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fsspec

from components.core.errors import BadInput
from components.core.files import write_file
from components.core.lineage import Shard, sha256_file


def open_filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of `url` and the path on it. Raises BadInput for a scheme that is not known.

    s3fs instances do not survive a fork and cache listings: call this in the process that reads, and it lists afresh.
    """
    scheme = url.partition("://")[0] if "://" in url else "file"
    if scheme not in ("file", "s3"):
        raise BadInput(f"{url}: unknown scheme {scheme!r}; use a local path or s3://bucket/prefix")
    options: dict[str, Any] = {}
    if scheme == "s3":
        options = {
            "skip_instance_cache": True,
            "use_listings_cache": False,
            "endpoint_url": os.environ.get("AWS_ENDPOINT_URL"),
        }
    filesystem, path = fsspec.core.url_to_fs(url, **options)
    return filesystem, str(path)


def fetch_shard(url: str, shard: Shard, directory: Path) -> Path:
    """Bring one shard from `url` into `directory`, verified on arrival; a verified local copy is used as it is.

    Raises BadInput if the shard is missing there or its bytes differ from the manifest.
    """
    target = directory / shard.name
    if target.is_file() and sha256_file(target) == shard.sha256:
        return target
    filesystem, root = open_filesystem(url)
    with write_file(target) as temporary:
        try:
            filesystem.get_file(f"{root.rstrip('/')}/{shard.name}", str(temporary))
        except FileNotFoundError:
            raise BadInput(f"{url}/{shard.name}: missing in object storage; push it again with `dvc push`") from None
        if sha256_file(temporary) != shard.sha256:
            raise BadInput(
                f"{url}/{shard.name}: corrupt in object storage (hash differs from its manifest); "
                "delete it there and push it again"
            )
    return target
