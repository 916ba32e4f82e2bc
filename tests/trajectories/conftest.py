"""A workspace with the Factbook as raw data, a small tokenizer and few episodes of every family; records made there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from small_tokenizer import write_tokenizer
from trajectory_episodes import EPISODES, ROOT, WRONG_BRANCH_SHARE

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.core.lineage import Manifest, write_manifest
from components.corpus.catalogue import load_catalogue
from components.corpus.documents import write_documents
from components.corpus.sources import read_source
from components.tasks.kit.registry import load_families
from components.tokenizer import TextTokenizer
from components.tokenizer.train import learn_tokenizer
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import Record, to_messages


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    raw = root / "data/raw"
    written = write_documents(raw / "factbook", read_source("factbook", load_catalogue().sources["factbook"]))
    shards = tuple(shard.model_copy(update={"name": f"factbook/{shard.name}"}) for shard in written)
    write_manifest(raw, Manifest(producer="ingest", shards=shards))
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["trajectories"] |= {"families": EPISODES, "wrong_branch_share": WRONG_BRANCH_SHARE}
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return root


@pytest.fixture(scope="session")
def families(workspace: Path) -> Mapping[str, TaskFamily]:
    return load_families(Knowledge.load(workspace / "data/raw/factbook"))


@pytest.fixture(scope="session")
def records(families: Mapping[str, TaskFamily]) -> list[Record]:
    synthesizer = Synthesizer(dict(families), "public-domain")
    return [
        synthesizer.episode(family, seed, WRONG_BRANCH_SHARE)
        for family, episodes in EPISODES.items()
        for seed in range(5, 5 + episodes)
    ]


@pytest.fixture(scope="session")
def tokenizer(workspace: Path, records: list[Record]) -> TextTokenizer:
    """A tokenizer that knows the trajectories' own words, in the workspace."""
    texts = [message.text for record in records for message in to_messages(record)]
    return write_tokenizer(workspace / "artifacts/tokenizer", learn_tokenizer(texts, 600))
