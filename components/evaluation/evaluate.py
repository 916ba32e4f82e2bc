"""The stage `evaluate@NAME`: everything that is asked of one checkpoint, item by item, and the metrics made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.agent.policies import ModelPolicy
from components.core.files import write_directory, write_json
from components.core.lineage import Manifest, describe_shard, read_manifest, verify, write_manifest
from components.core.params import TEXT_DOMAINS
from components.core.stage import StageContext
from components.core.tracking import flatten
from components.evaluation import agent_eval, bits_per_byte, contamination, figures, phases
from components.evaluation.agent_eval import EpisodeItem
from components.evaluation.bits_per_byte import HeldOutDocument, TextSegment
from components.evaluation.checkpoint import Checkpoint, load_checkpoint
from components.evaluation.items import AGENT_FILE, BITS_FILE, PHASES_FILE, TASKS_FILE, write_items
from components.evaluation.lm_eval_adapter import TaskItem, TriviumLM, run_tasks
from components.evaluation.ngram import NGramModel
from components.evaluation.phase_answers import PhaseAnswer, all_phases, phase_metrics
from components.evaluation.seen_tokens import seen_documents
from components.evaluation.statistics import wilson
from components.evaluation.task_items import check_tasks
from components.tokenizer import TextTokenizer, load_tokenizer

RAW = Path("data/raw")
CURATED = Path("data/curated")
TOKENIZER = Path("artifacts/tokenizer")
EVALUATIONS = Path("data/evaluations")
METRICS = Path("metrics/evaluate")
FIVE = 5  # order of the stronger baseline
CONFIDENCE = 0.95  # of the intervals shown; the gate has a level of its own


def run(context: StageContext, name: str) -> None:
    """Evaluate checkpoints/NAME. Raises BadInput before any work if something it needs is missing or corrupt."""
    params = context.params
    check_tasks(params.evaluation.tasks)
    tokenizer = load_tokenizer(TOKENIZER)
    checkpoint = load_checkpoint(name, tokenizer)
    curated = read_manifest(CURATED, "curate")
    families = agent_eval.evaluated_families(params)
    parts = EvaluationProgress(context, total=2 + 2 * len(families))

    documents = read_documents(curated, tokenizer, params.evaluation.held_out_bytes)
    seen = seen_documents(checkpoint.curriculum)
    segments = score_text(checkpoint, tokenizer, documents, seen)
    parts.finished()
    lm = TriviumLM(checkpoint.model, tokenizer, context_tokens=checkpoint.context_tokens)
    answers = run_tasks(lm, params.evaluation.tasks, limit=params.evaluation.task_limit)
    parts.finished()
    policy = ModelPolicy(checkpoint.model, tokenizer, params.evaluation.max_turn_tokens)
    episodes = agent_eval.evaluate_agent(policy, families, params, parts.finished)
    phase_answers = phases.evaluate_phases(
        checkpoint.model,
        tokenizer,
        families,
        items_per_phase=params.evaluation.phase_items,
        seed=params.seed,
        on_family=parts.finished,
    )

    metrics = {
        "tokens": checkpoint.tokens,
        "context_tokens": checkpoint.context_tokens,
        **text_metrics(segments),
        **agent_metrics(episodes),
        "phases": phase_metrics(phase_answers, CONFIDENCE),
        "all_phases": all_phases(phase_answers, CONFIDENCE),
        "tasks": task_metrics(answers),
    }
    facts = {
        "checkpoint": name,
        "tokens": checkpoint.tokens,
        "tokenizer_sha256": tokenizer.sha256,
        "seed": params.seed,
        "held_out_families": list(params.evaluation.held_out_families),
        "contamination": contamination.find_contaminated(
            seen, params.evaluation.tasks, params.evaluation.task_limit, documents, tokenizer
        ),
    }
    write_results(EVALUATIONS / name, segments, episodes, answers, phase_answers, facts)
    write_json(METRICS / f"{name}.json", metrics)
    context.tracker.log_metrics(
        {key: value for key, value in flatten(metrics).items() if key != "tokens"}, tokens=checkpoint.tokens
    )
    context.tracker.log_figure(figures.bits_by_domain(metrics), "bits_per_byte.png")
    context.tracker.log_figure(figures.agent_success(metrics), "agent_success.png")
    context.tracker.log_figure(figures.phase_accuracy(metrics), "phases.png")


class EvaluationProgress:
    """Progress in parts: the held-out text, the tasks, and each family's episodes and phases."""

    def __init__(self, context: StageContext, total: int) -> None:
        self._context, self._total, self._done = context, total, 0
        context.progress.update(0, total, "parts")

    def finished(self) -> None:
        self._done += 1
        self._context.progress.update(self._done, self._total, "parts")


def read_documents(curated: Manifest, tokenizer: TextTokenizer, budget_bytes: int) -> list[HeldOutDocument]:
    """Held-out documents of every domain the corpus has, verified."""
    shards = tuple(shard for shard in curated.shards if shard.name.startswith("heldout/"))
    verify(CURATED, curated.model_copy(update={"shards": shards}))
    present = {shard.name.split("/")[1] for shard in shards}
    return [
        document
        for domain in TEXT_DOMAINS
        if domain in present
        for document in bits_per_byte.read_held_out(CURATED / "heldout", domain, tokenizer, budget_bytes)
    ]


def score_text(
    checkpoint: Checkpoint,
    tokenizer: TextTokenizer,
    documents: Sequence[HeldOutDocument],
    seen: Sequence[np.ndarray],
) -> list[TextSegment]:
    """Held-out text scored by the model and by baselines that have counted what it has seen."""
    unigram, five_gram = (
        NGramModel(seen, order=order, vocab_size=tokenizer.vocab_size, bos_id=tokenizer.bos_id) for order in (1, FIVE)
    )
    bits = bits_per_byte.model_bits(checkpoint.model, documents, context_tokens=checkpoint.context_tokens)
    return bits_per_byte.segments(documents, bits, unigram=unigram, five_gram=five_gram)


def text_metrics(segments: Sequence[TextSegment]) -> dict[str, dict[str, float]]:
    """Bits per byte by domain: the model's under `bits_per_byte`, each baseline's under its name."""
    return {
        "bits_per_byte": bits_per_byte.by_domain(segments, "model"),
        "unigram": bits_per_byte.by_domain(segments, "unigram"),
        "five_gram": bits_per_byte.by_domain(segments, "five_gram"),
    }


def agent_metrics(episodes: Sequence[EpisodeItem]) -> dict[str, Any]:
    """Success by family with its interval: the model's under `agent`, each baseline's under `baselines`; the model's
    by stream under `streams`."""

    def of(policy: str) -> dict[str, dict[str, float | int]]:
        return agent_eval.summarise([item for item in episodes if item.policy == policy], CONFIDENCE)

    ours = [item for item in episodes if item.policy == agent_eval.MODEL]
    return {
        "agent": of(agent_eval.MODEL),
        "baselines": {name: of(name) for name in agent_eval.BASELINES},
        "streams": agent_eval.summarise_streams(ours, CONFIDENCE),
    }


def task_metrics(answers: Sequence[TaskItem]) -> dict[str, dict[str, float | int]]:
    """Accuracy of each task with its interval, beside that of guessing."""
    found: dict[str, dict[str, float | int]] = {}
    for task in dict.fromkeys(item.task for item in answers):
        members = [item for item in answers if item.task == task]
        accuracy = wilson(sum(item.acc for item in members), len(members), CONFIDENCE)
        found[task] = {
            "acc": accuracy.estimate,
            "acc_lo": accuracy.low,
            "acc_hi": accuracy.high,
            "acc_norm": sum(item.acc_norm for item in members) / len(members),
            "guessing": sum(1 / len(item.log_likelihoods) for item in members) / len(members),
            "items": len(members),
        }
    return found


def write_results(
    target: Path,
    segments: Sequence[TextSegment],
    episodes: Sequence[EpisodeItem],
    answers: Sequence[TaskItem],
    phase_answers: Sequence[PhaseAnswer],
    facts: Mapping[str, Any],
) -> None:
    """Write the item files and their manifest, whole or not at all."""
    with write_directory(target) as directory:
        write_items(directory / BITS_FILE, TextSegment, segments)
        write_items(directory / AGENT_FILE, EpisodeItem, episodes)
        write_items(directory / TASKS_FILE, TaskItem, answers)
        write_items(directory / PHASES_FILE, PhaseAnswer, phase_answers)
        files = (AGENT_FILE, BITS_FILE, PHASES_FILE, TASKS_FILE)
        shards = tuple(describe_shard(directory, directory / name) for name in files)
        totals = {
            "segments": len(segments),
            "episodes": len(episodes),
            "answers": len(answers),
            "phase_answers": len(phase_answers),
        }
        producer = f"evaluate@{facts['checkpoint']}"
        write_manifest(directory, Manifest(producer=producer, shards=shards, totals=totals, facts=dict(facts)))
