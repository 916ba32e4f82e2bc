"""The stage itself: what it writes, that it writes the same again, what it refuses, what the registry knows of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from release_workspace import (
    ANSWER,
    LESSON,
    QUESTION,
    TOOLS,
    Workspace,
    read_json,
    write_gate,
    write_workspace,
)
from stage_workspace import file_bytes
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

from components.agent.template import CHAT_TEMPLATE, encode_conversation, to_openai
from components.core import params as schema
from components.core.errors import BadInput
from components.core.lineage import Manifest
from components.core.progress import Progress
from components.core.stage import StageContext
from components.core.tracking import track_stage
from components.release import build
from components.release.registry import ALIAS, DIGEST_TAG
from components.tokenizer import TextTokenizer
from model import MLATransformer


def build_here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage in this process, tracked as the program tracks it."""
    monkeypatch.chdir(workspace.root)
    monkeypatch.setenv("TRIVIUM_HOME", str(workspace.home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    params = schema.load()
    with track_stage("release", params) as tracker:
        progress = Progress(stage="release", path=None)
        build.run(StageContext(name="release", params=params, progress=progress, tracker=tracker))


def registry(workspace: Workspace) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(f"sqlite:///{workspace.home / 'mlflow' / 'mlflow.db'}")


def test_every_file_is_there_and_accounted_for(built: Workspace) -> None:
    names = {
        "README.md",
        "SHA256SUMS",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "gguf/lesson-f32.gguf",
        "gguf/lesson-q8_0.gguf",
        "model.safetensors",
        "parity.json",
        "release.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert set(file_bytes(built.release)) == names
    manifest = Manifest.model_validate_json((built.release / "release.json").read_bytes())
    assert {shard.name for shard in manifest.shards} == names - {"release.json", "SHA256SUMS"}
    assert manifest.facts["status"] == "released"
    assert manifest.facts["tokenizer_sha256"] in (built.release / "README.md").read_text(encoding="utf-8")
    found = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=built.release, check=False)
    assert found.returncode == 0
    for name in ("model.safetensors", "config.json"):
        assert (built.release / name).read_bytes() == (built.root / "checkpoints/agentic" / name).read_bytes()


def test_transformers_loads_it_and_acts_as_taught(
    built: Workspace, lesson: MLATransformer, tokenizer: TextTokenizer
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    theirs: Any = AutoTokenizer.from_pretrained(built.release)
    other: Any = AutoModelForCausalLM.from_pretrained(built.release)
    assert type(other).__name__ == "YoutuForCausalLM"
    assert theirs.model_max_length == 1024
    assert other.generation_config.do_sample is False and other.generation_config.max_new_tokens == 160
    assert theirs.chat_template == CHAT_TEMPLATE.read_text(encoding="utf-8")
    assert read_json(built.release / "tokenizer_config.json")["chat_template"] == theirs.chat_template
    ids = encode_conversation(tokenizer, LESSON, TOOLS)
    tools = [tool.to_openai() for tool in TOOLS]
    assert theirs.apply_chat_template(to_openai(LESSON), tools=tools, return_dict=False) == ids
    with torch.no_grad():
        logits = other(torch.tensor([ids])).logits
        torch.testing.assert_close(logits, lesson(torch.tensor([ids])), atol=1e-4, rtol=0)
    last = encode_conversation(tokenizer, LESSON[:3], TOOLS, add_generation_prompt=True)
    written = other.generate(torch.tensor([last]), max_new_tokens=80)[0, len(last) :]
    assert theirs.decode(written).endswith(f"</think>{ANSWER}<|end_of_text|>")


def test_parity_is_on_record(built: Workspace) -> None:
    parity = read_json(built.release / "parity.json")
    assert parity["prompts"] >= 20
    assert parity["transformers"]["max_logit_difference_below"] <= 1e-4
    assert parity["llama_cpp_f32"]["max_log_probability_difference_below"] <= 1e-4
    assert parity["llama_cpp_f32"]["greedy_continuations_equal"] >= 20
    assert parity["llama_cpp_first_tokens_equal"].keys() == {"q8_0"}


def test_the_card_says_what_the_files_say(built: Workspace) -> None:
    card = (built.release / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "# lesson\n\n> **Released.**" in card
    assert "1.5 million tokens" in card
    assert "| agentic | 750,000 | 183 | 1,024 | decay, 1 to 0.05 | 10,000 | agent 80%, stem 20% |" in card
    assert "| agentic | 80% (70% to 90%) |" in card
    assert "| agentic, its 5-gram | 1,000,000 | 2.200 | 2.600 |" in card
    assert "| target rises | PASS | rises by 0.700 (0.600 to 0.800) |" in card
    assert "| factbook | encyclopedic | en | public-domain |" in card
    assert "\n\n\n" not in card and "None" not in card


def test_the_cards_example_runs(
    built: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card = (built.release / "README.md").read_text(encoding="utf-8")
    example = card.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(built.root)
    exec(compile(example, "README.md", "exec"), {})
    assert f"<|User|>{QUESTION}<|Assistant|>" in capsys.readouterr().out


def test_registered_once_and_built_the_same(
    built: Workspace, copy: Callable[[], Workspace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same bytes are the same version; a candidate is a version of its own and leaves the alias alone."""
    client = registry(built)
    (first,) = client.search_model_versions("name = 'lesson'")
    assert client.get_model_version_by_alias("lesson", ALIAS).version == first.version
    assert first.tags["trivium.status"] == "released" and first.tags["trivium.gate"] == "PASS"
    mlflow.set_tracking_uri(f"sqlite:///{built.home / 'mlflow' / 'mlflow.db'}")
    fetched = mlflow.artifacts.download_artifacts(
        artifact_uri=f"models:/lesson@{ALIAS}", dst_path=str(tmp_path / "got")
    )
    assert file_bytes(Path(fetched)) == file_bytes(built.release)

    again = copy()
    before = file_bytes(again.release)
    build_here(again, monkeypatch)
    assert file_bytes(again.release) == before
    assert len(client.search_model_versions("name = 'lesson'")) == 1

    write_gate(again.root, "HOLD")
    build_here(again, monkeypatch)
    manifest = read_json(again.release / "release.json")
    assert (manifest["facts"]["status"], manifest["facts"]["gate"]) == ("candidate", "HOLD")
    card = (again.release / "README.md").read_text(encoding="utf-8")
    assert "**A candidate, not a release.** The gate's verdict is `HOLD`" in card
    versions = {one.tags["trivium.status"]: one for one in client.search_model_versions("name = 'lesson'")}
    assert versions.keys() == {"released", "candidate"}
    assert versions["candidate"].tags[DIGEST_TAG] != versions["released"].tags[DIGEST_TAG]
    assert client.get_model_version_by_alias("lesson", ALIAS).version == versions["released"].version


def test_a_form_that_differs_is_not_published(
    built: Workspace, lesson: MLATransformer, raw_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """A tokenizer that puts a space before every text is read alike by transformers, but not by llama.cpp."""
    foreign = Tokenizer.from_str(raw_tokenizer.to_str())
    foreign.pre_tokenizer = ByteLevel(add_prefix_space=True)
    workspace = Workspace(root=tmp_path / "work", home=built.home)
    write_workspace(workspace, lesson, foreign)
    done = workspace.run("build")
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("release: ")]
    assert said[-2].startswith("release: llama.cpp: 'It is a truth") and "other ids than in training" in said[-2]
    assert said[-1] == "release: no release was written"
    assert "Traceback" not in done.stderr
    assert not list(workspace.root.glob("*release*"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "metrics/gate.json").unlink(), r"metrics/gate.json: missing; run `dvc repro gate`"),
        (lambda root: (root / "metrics/gate.json").write_text("{}"), r"metrics/gate.json: not a gate's verdict"),
        (
            lambda root: (root / "metrics/evaluate/agentic.json").unlink(),
            r"metrics/evaluate/agentic.json: missing; run `dvc repro evaluate@agentic`",
        ),
        (lambda root: (root / "data/raw/manifest.json").unlink(), r"data/raw/manifest.json: missing"),
        (lambda root: (root / "checkpoints/agentic/model.safetensors").write_bytes(b"x"), "shard is corrupt"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    copy: Callable[[], Workspace], monkeypatch: pytest.MonkeyPatch, spoil: Callable[..., None], message: str
) -> None:
    workspace = copy()
    before = file_bytes(workspace.release)
    spoil(workspace.root)
    with pytest.raises(BadInput, match=message):
        build_here(workspace, monkeypatch)
    assert file_bytes(workspace.release) == before


def test_another_candidates_verdict_is_refused(copy: Callable[[], Workspace], monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = copy()
    gate = read_json(workspace.root / "metrics/gate.json")
    (workspace.root / "metrics/gate.json").write_text(json.dumps({**gate, "candidate": "stem"}))
    with pytest.raises(BadInput, match=r"candidate = 'stem', but gate.candidate is 'agentic'"):
        build_here(workspace, monkeypatch)
