"""A finished run in small: a model that has learned one conversation by heart, and every file the release reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from small_tokenizer import write_tokenizer
from tokenizers import Tokenizer

from components.agent.calculator import CALCULATOR
from components.agent.factbook import SEARCH
from components.agent.messages import Message, ToolCall
from components.agent.turns import compose_turn
from components.core.files import write_directory, write_json
from components.core.lineage import Manifest, describe_shard, write_manifest
from components.corpus.documents import Document, text_id, write_documents
from components.tokenizer.train import learn_tokenizer
from model import MLATransformer
from model.exchange.hf import export_pretrained

REPOSITORY = Path(__file__).parents[2]
QUESTION = "What is 17 + 25?"
ANSWER = "17 + 25 = 42"
STAGES = ("longcontext", "agentic")
_CALL = ToolCall(name="calculator", arguments={"expression": "17+25"})
LESSON = (
    Message("user", QUESTION),
    compose_turn(analysis="A sum.", plan="Use the calculator.", calls=(_CALL,)),
    Message("tool", "42"),
    compose_turn(reflection="The tool gives 42.", summary=ANSWER),
)
TOOLS = (CALCULATOR,)


def make_tokenizer() -> Tokenizer:
    texts = [CALCULATOR.to_json(), SEARCH.to_json(), "What is the sum? Use the calculator. The tool gives it.", "你好"]
    return learn_tokenizer(texts * 3, 400)


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A directory with all inputs of the stage, and a home for MLflow beside it."""

    root: Path
    home: Path

    @property
    def release(self) -> Path:
        return self.root / "release"

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "TRIVIUM", "DVC"))}
        return {**kept, "PYTHONPATH": str(REPOSITORY), "TRIVIUM_HOME": str(self.home), "OMP_NUM_THREADS": "1"}

    def program(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "components.release", *arguments]

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """`python -m components.release ...` as a person runs it."""
        return subprocess.run(
            self.program(*arguments),
            cwd=self.root,
            env=self.environment(),
            input=text or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def write_workspace(workspace: Workspace, model: MLATransformer, tokenizer: Tokenizer, verdict: str = "PASS") -> None:
    """Every input, as the stages before write them."""
    root = workspace.root
    root.mkdir(parents=True, exist_ok=True)
    params: dict[str, Any] = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    params["release"] = {"name": "lesson", "gguf_dtypes": ["f32", "q8_0"]}
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    written = write_tokenizer(root / "artifacts/tokenizer", tokenizer)
    write_checkpoint(root / "checkpoints/agentic", model, written.sha256)
    for stage, success in zip(STAGES, (0.1, 0.8), strict=True):
        write_json(root / f"metrics/evaluate/{stage}.json", evaluation(success))
    write_gate(root, verdict)
    write_sources(root / "data/raw")


def write_checkpoint(directory: Path, model: MLATransformer, tokenizer_sha256: str) -> None:
    facts = {
        "tokenizer_sha256": tokenizer_sha256,
        "tokens": 1_500_000,
        "curriculum": [_trained("longcontext", "uniform", "books"), _trained("agentic", "spans", "agent")],
        "complete": True,
    }
    with write_directory(directory) as temporary:
        export_pretrained(model, temporary)
        shards = tuple(describe_shard(temporary, path) for path in sorted(temporary.iterdir()))
        write_manifest(temporary, Manifest(producer="pretrain@agentic", shards=shards, facts=facts))


def _trained(stage: str, loss_weights: str, domain: str) -> dict[str, Any]:
    return {
        "stage": stage,
        "tokens": 750_000,
        "steps": 183,
        "row_tokens": 1024,
        "mixture": {domain: 0.8, "stem": 0.2},
        "loss_weights": loss_weights,
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "float8": False,
        "schedule": {"phase": "decay", "start": 1.0, "end": 0.05, "warmup_share": 0.0},
    }


def evaluation(success: float) -> dict[str, Any]:
    def rates(share: float) -> dict[str, dict[str, float]]:
        return {"arithmetic_add": {"success": share, "lo": max(share - 0.1, 0), "hi": share + 0.1}}

    return {
        "tokens": 1_000_000,
        "bits_per_byte": {"books": 2.0, "code": 2.5},
        "five_gram": {"books": 2.2, "code": 2.6},
        "unigram": {"books": 3.3, "code": 3.8},
        "agent": rates(success),
        "baselines": {"no-op": rates(0.0), "random tool": rates(0.05)},
        "streams": {"math": {"success": success, "lo": success - 0.05, "hi": success + 0.05}},
        "phases": {"math": {"plan": {"acc": 0.4, "lo": 0.3, "hi": 0.5}}},
        "all_phases": {
            "items": 80,
            "guessing": 0.25,
            "place": 0.26,
            "longest": 0.25,
            "trigram": 0.25,
            "copying": 0.7,
        },
        "tasks": {"factbook_cloze": {"acc": 0.3, "acc_norm": 0.31, "guessing": 0.25}},
    }


def write_gate(root: Path, verdict: str) -> None:
    check = {"verdict": verdict, "reason": "rises by 0.700 (0.600 to 0.800)"}
    write_json(
        root / "metrics/gate.json",
        {"verdict": verdict, "candidate": "agentic", "baseline": "longcontext", "checks": {"target_rises": check}},
    )


def write_sources(directory: Path) -> None:
    """A Factbook of one country, so that the search tool of a chat has something to find."""
    text = "Iceland. Capital: Reykjavik."
    document = Document(
        id=text_id(text),
        text=text,
        domain="encyclopedic",
        language="en",
        source="factbook",
        licence="public-domain",
        path="iceland",
        metadata={"country": "Iceland", "fields": {"capital": "Reykjavik"}},
    )
    shards = write_documents(directory / "factbook", [document])
    source = {"domain": "encyclopedic", "language": "en", "licence": "public-domain", "kind": "starter"}
    write_manifest(
        directory,
        Manifest(
            producer="ingest",
            shards=tuple(shard.model_copy(update={"name": f"factbook/{shard.name}"}) for shard in shards),
            facts={"sources": {"factbook": source}},
        ),
    )


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
