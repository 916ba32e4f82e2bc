"""A workspace with the Factbook as raw data, a small tokenizer and few episodes of every family; records made there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from trajectory_episodes import EPISODES, ROOT, WRONG_BRANCH_SHARE

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.agent.families import load_families
from components.corpus.documents import Document, read_lines, text_id, write_documents
from components.lineage import Manifest, describe_shard, write_json, write_manifest
from components.tokenizer import SPECIAL_TOKENS, TextTokenizer, load_tokenizer
from components.tokenizer.bpe import MergeList, continue_merges
from components.tokenizer.pretokenizer import byte_alphabet
from components.tokenizer.text import CONFIG_FILE, PRODUCER, TOKENIZER_FILE, build_tokenizer, tokenizer_config
from components.tokenizer.train import count_pieces
from components.trajectories.record import Record, to_messages
from components.trajectories.synthesize import Chunk, Synthesizer


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    raw = root / "data/raw"
    documents = [
        Document(
            id=text_id(entry["text"]),
            text=entry["text"],
            domain="encyclopedic",
            language="en",
            source="factbook",
            licence="public-domain",
            path=entry["path"],
            metadata=entry["metadata"],
        )
        for entry in map(json.loads, read_lines(ROOT / "components/corpus/starter/factbook.jsonl.zst"))
    ]
    written = write_documents(raw / "factbook", documents)
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
        record
        for family, episodes in EPISODES.items()
        for record in synthesizer.chunk(
            Chunk(family=family, first_seed=5, episodes=episodes, wrong_branch_share=WRONG_BRANCH_SHARE)
        )
    ]


@pytest.fixture(scope="session")
def tokenizer(workspace: Path, records: list[Record]) -> TextTokenizer:
    """A tokenizer that knows the trajectories' own words, in the workspace."""
    texts = [message.text for record in records for message in to_messages(record)]
    learned = MergeList(tokens=list(byte_alphabet()))
    continue_merges(learned, count_pieces(texts), 600 - len(SPECIAL_TOKENS))
    directory = workspace / "artifacts/tokenizer"
    directory.mkdir(parents=True)
    build_tokenizer(learned).save(str(directory / TOKENIZER_FILE))
    write_json(directory / CONFIG_FILE, tokenizer_config())
    files = tuple(describe_shard(directory, directory / name) for name in (TOKENIZER_FILE, CONFIG_FILE))
    write_manifest(directory, Manifest(producer=PRODUCER, shards=files))
    return load_tokenizer(directory)
