"""The stage train_tokenizer on small curated directories."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from components.core.errors import BadInput
from components.core.lineage import Manifest, Shard, read_manifest, write_manifest
from components.core.params import Domain, load
from components.core.progress import Progress
from components.core.stage import StageContext
from components.core.tracking import StageTracker
from components.corpus.documents import Document, text_id, write_documents
from components.tokenizer import SPECIAL_TOKENS, load_tokenizer
from components.tokenizer.train import run, sample_texts

ROOT = Path(__file__).resolve().parents[2]
POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


def texts() -> dict[Domain, list[str]]:
    root = Path(sysconfig.get_paths()["stdlib"])
    modules = [path.read_text(encoding="utf-8") for path in sorted(root.glob("[ab]*.py"))]
    return {
        "general": [module[:3000] for module in modules],
        "chinese": [POEM[start:] * 4 for start in range(0, 40, 4)],
        "code": modules[:8],
    }


def write_curated(root: Path, domains: dict[Domain, list[str]]) -> None:
    shards: list[Shard] = []
    for split, part in (("train", slice(1, None)), ("heldout", slice(0, 1))):
        for domain, bodies in domains.items():
            directory = root / "data/curated" / split / domain
            documents = [
                Document(
                    id=text_id(body),
                    text=body,
                    domain=domain,
                    language="en",
                    source="test",
                    licence="public-domain",
                    path=str(number),
                )
                for number, body in enumerate(bodies[part])
            ]
            for shard in write_documents(directory, documents):
                shards.append(shard.model_copy(update={"name": f"{split}/{domain}/{shard.name}"}))
    write_manifest(root / "data/curated", Manifest(producer="curate", shards=tuple(shards)))


def write_params(root: Path, **changes: object) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["tokenizer"] = {
        "vocab_size": 700,
        "max_bytes_per_domain": 100_000,
        "stages": {
            "general": {"domains": ["general"], "vocab_share": 0.5},
            "chinese": {"domains": ["chinese"], "vocab_share": 0.1},
            "technical": {"domains": ["code"], "vocab_share": 0.4},
        },
        **changes,
    }
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def run_program(root: Path, home: Path, hash_seed: int) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "TRIVIUM_HOME": str(home), "PYTHONHASHSEED": str(hash_seed)}
    return subprocess.run(
        [sys.executable, "-m", "components.tokenizer", "train"],
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def files(root: Path) -> dict[str, bytes]:
    paths = [*(root / "artifacts").rglob("*"), *(root / "metrics").rglob("*")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def test_the_stage_writes_a_staged_vocabulary_and_its_report(tmp_path: Path) -> None:
    outcomes = []
    for number in (1, 2):
        root = tmp_path / str(number)
        root.mkdir()
        write_curated(root, texts())
        write_params(root)
        done = run_program(root, tmp_path / "home", hash_seed=number)
        assert done.returncode == 0, done.stderr
        outcomes.append(files(root))
    assert outcomes[0] == outcomes[1], "two runs give the same bytes"

    tokenizer = load_tokenizer(root / "artifacts/tokenizer")
    facts = read_manifest(root / "artifacts/tokenizer").facts
    assert facts["sha256"] == tokenizer.sha256
    assert facts["vocab_size"] == tokenizer.vocab_size == 700
    assert list(facts["inputs"]) == ["data/curated"]

    report = json.loads((root / "metrics/tokenizer.json").read_text())
    merges = 700 - 256 - len(SPECIAL_TOKENS)
    assert report["tokens_learned"] == {
        "general": round(0.5 * merges),
        "chinese": round(0.6 * merges) - round(0.5 * merges),
        "technical": merges - round(0.6 * merges),
    }
    held_out = texts()["code"][0]
    measured = report["bytes_per_token"]["held_out"]["code"]
    assert measured["text_bytes"] == len(held_out.encode())
    assert measured["multi_stage"] == pytest.approx(len(held_out.encode()) / len(tokenizer.encode(held_out)))
    for split in report["bytes_per_token"].values():
        assert set(split) == {"general", "chinese", "code"}
        assert all(figures["single_stage"] > 1 for figures in split.values())


def run_body(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage's body in this process; bad input ends it before anything is tracked."""
    monkeypatch.chdir(root)
    params = load(Path("params.yaml"))
    progress = Progress.from_environment("train_tokenizer")
    context = StageContext(
        name="train_tokenizer", params=params, progress=progress, tracker=StageTracker(run_id="none")
    )
    run(context, lambda max_bytes: iter(()))


@pytest.mark.parametrize(
    ("changes", "domains", "says"),
    [
        (
            {"stages": {"general": {"domains": ["general", "books"], "vocab_share": 1.0}}},
            ("general",),
            "tokenizer.stages: domain 'books' has no documents",
        ),
        ({"vocab_size": 60_000}, ("general", "chinese", "code"), "tokenizer.stages.general: the text has only"),
        ({"stages": {"general": {"domains": ["general"], "vocab_share": 0.9}}}, ("general",), "sums to 0.9"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    domains: tuple[Domain, ...],
    says: str,
) -> None:
    write_curated(tmp_path, {domain: texts()[domain] for domain in domains})
    write_params(tmp_path, **changes)
    with pytest.raises(BadInput, match=re.escape(says)):
        run_body(tmp_path, monkeypatch)
    assert files(tmp_path) == {}


def test_a_torn_input_shard_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_curated(tmp_path, {"general": texts()["general"]})
    write_params(tmp_path, stages={"general": {"domains": ["general"], "vocab_share": 1.0}})
    shard = next((tmp_path / "data/curated/train").rglob("*.zst"))
    shard.write_bytes(shard.read_bytes()[:-7])
    with pytest.raises(BadInput, match=re.escape(f"{shard.relative_to(tmp_path)}: shard is corrupt")):
        run_body(tmp_path, monkeypatch)


def test_the_text_limit_takes_documents_of_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards lie in order of source; a limit that took the first ones would never see the second source."""
    first = [f"alpha beta gamma {number} " * 50 for number in range(40)]
    second = [f"delta epsilon zeta {number} " * 50 for number in range(40)]
    write_curated(tmp_path, {"general": first + second})
    monkeypatch.chdir(tmp_path)
    chosen = list(sample_texts(Path("data/curated/train/general"), max_bytes=20_000))
    assert 20_000 <= sum(len(text.encode()) for text in chosen) < 22_000
    assert {text.split()[0] for text in chosen} == {"alpha", "delta"}
