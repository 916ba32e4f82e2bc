"""The stage tokenize on small curated directories."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from small_tokenizer import write_tokenizer
from stage_workspace import file_bytes

from components.core.errors import BadInput
from components.core.lineage import (
    Manifest,
    Shard,
    read_manifest,
    sha256_file,
    write_manifest,
)
from components.core.params import Domain, load
from components.core.progress import Progress
from components.core.stage import StageContext
from components.core.tracking import StageTracker
from components.corpus.documents import Document, text_id, write_documents
from components.tokenizer import load_tokenizer
from components.tokenizer.text import TOKENIZER_FILE
from components.tokenizer.train import learn_tokenizer
from components.tokens import TrainingOrder
from components.tokens.shards import open_shards
from components.tokens.tokenize import run

ROOT = Path(__file__).resolve().parents[2]
TEXTS: dict[Domain, list[str]] = {
    "general": [
        f"The state of the union in the year {1790 + number} is good. " * (number % 7 + 1) for number in range(60)
    ],
    "chinese": ["白日依山尽，黄河入海流。欲穷千里目，更上一层楼。" * (number % 5 + 1) for number in range(20)],
    "code": ["<|end_of_text|>def f():\n    return '<|User|>'\n", "x = 1\n" * 400],
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with curated documents, a tokenizer of 320 entries and parameters."""
    root = tmp_path_factory.mktemp("workspace")
    shards: list[Shard] = []
    for split in ("train", "heldout"):
        for domain, bodies in TEXTS.items():
            chosen = bodies if split == "train" else [f"held out: {body}" for body in bodies[:2]]
            documents = [
                Document(
                    id=text_id(body), text=body, domain=domain, language="en", source="s", licence="MIT", path=str(n)
                )
                for n, body in enumerate(chosen)
            ]
            written = write_documents(root / "data/curated" / split / domain, documents)
            shards += [shard.model_copy(update={"name": f"{split}/{domain}/{shard.name}"}) for shard in written]
    write_manifest(root / "data/curated", Manifest(producer="curate", shards=tuple(shards)))

    texts = [text for bodies in TEXTS.values() for text in bodies]
    write_tokenizer(root / "artifacts/tokenizer", learn_tokenizer(texts, 320))

    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["tokens"] = {"row_tokens": [512, 1024], "shard_rows": 2}
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return root


def run_program(root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "components.tokens", "tokenize"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TRIVIUM_HOME": str(root / "home"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def outputs(root: Path) -> dict[str, bytes]:
    return file_bytes(root, "data/tokens", "metrics/tokens.json")


def test_the_training_split_is_all_there_and_the_bytes_repeat(inputs: Path) -> None:
    done = run_program(inputs, PYTHONHASHSEED="1", RAYON_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    first = outputs(inputs)
    again = run_program(inputs, PYTHONHASHSEED="2", RAYON_NUM_THREADS="2")
    assert again.returncode == 0, again.stderr
    assert outputs(inputs) == first

    tokenizer = load_tokenizer(inputs / "artifacts/tokenizer")
    manifest = read_manifest(inputs / "data/tokens", "tokenize")
    assert manifest.facts == {
        "tokenizer_sha256": sha256_file(inputs / "artifacts/tokenizer" / TOKENIZER_FILE),
        "vocab_size": 320,
        "row_tokens": [512, 1024],
    }
    report = json.loads((inputs / "metrics/tokens.json").read_text())["domains"]
    for domain, bodies in TEXTS.items():
        for row_tokens in (512, 1024):
            figures = report[domain][str(row_tokens)]
            assert figures["bytes"] == sum(len(body.encode()) for body in bodies)
            assert figures["tokens"] == sum(len(tokenizer.encode(body)) + 2 for body in bodies)
            assert figures["tokens"] == round(figures["efficiency"] * figures["rows"] * row_tokens)
            whole: list[str] = []
            shards = open_shards(inputs / "data/tokens", manifest, domain, row_tokens)
            assert all(len(shard) <= 2 for shard in shards)
            for shard in shards:
                for row in range(len(shard)):
                    ends = shard.row_ends(row).tolist()
                    for start, end in zip([0, *ends[:-1]], ends, strict=True):
                        ids = shard.ids_RL[row, start:end].tolist()
                        if ids[0] == tokenizer.bos_id and ids[-1] == tokenizer.eos_id:
                            whole.append(tokenizer.decode(ids[1:-1]))
            short = [body for body in bodies if len(tokenizer.encode(body)) + 2 <= row_tokens]
            assert Counter(whole) == Counter(short)
            assert figures["cut_documents"] == len(bodies) - len(short)

    order = TrainingOrder([inputs / "data/tokens"], {"general": 0.5, "chinese": 0.25, "code": 0.25}, 512, seed=1)
    assert Counter(order[index].domain for index in range(8)) == {"general": 4, "chinese": 2, "code": 2}


def run_body(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage's body in this process; bad input ends it before anything is tracked."""
    monkeypatch.chdir(root)
    progress = Progress.from_environment("tokenize")
    params = load(Path("params.yaml"))
    run(StageContext(name="tokenize", params=params, progress=progress, tracker=StageTracker(run_id="none")))


@pytest.mark.parametrize(
    "victim", ["artifacts/tokenizer/tokenizer.json", "data/curated/train/code/part-00000.jsonl.zst"]
)
def test_a_damaged_input_is_named_and_nothing_is_written(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    for path in inputs.rglob("*"):
        kept = path.relative_to(inputs)
        if path.is_file() and kept.parts[:2] != ("data", "tokens") and kept.parts[0] not in ("metrics", "home"):
            (tmp_path / kept).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / kept).write_bytes(path.read_bytes())
    (tmp_path / victim).write_bytes((tmp_path / victim).read_bytes()[:-20])
    with pytest.raises(BadInput, match=re.escape(victim)):
        run_body(tmp_path, monkeypatch)
    assert outputs(tmp_path) == {}
