"""Questions about phases: real beginnings, one true option among four real texts, nothing given away by looks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage_workspace import inside

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.agent.template import render_text
from components.evaluation.checkpoint import Checkpoint
from components.evaluation.phase_answers import BASELINES, OPTIONS, PHASES, phase_metrics
from components.evaluation.phase_items import PhaseItem, build_items
from components.evaluation.phases import answer_record
from components.evaluation.scoring import ScoringRow, score_rows
from components.tasks.kit.registry import load_families
from components.tokenizer import TextTokenizer
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import to_messages

SEED = 1251
CHOSEN = ("arithmetic_add", "math_linear", "tools_single", "tools_fault", "factbook_compare", "research_chain")


@pytest.fixture(scope="module")
def families(world: Path) -> dict[str, TaskFamily]:
    with inside(world):
        found = load_families(Knowledge.load())
    return {name: found[name] for name in CHOSEN}


@pytest.fixture(scope="module")
def items(families: dict[str, TaskFamily], world: Path) -> list[PhaseItem]:
    with inside(world):
        return build_items(families, 24, SEED)


def test_every_cell_is_filled_and_holds_a_task_once(items: list[PhaseItem]) -> None:
    cells = Counter((item.stream, item.phase) for item in items)
    assert set(cells) == {(stream, phase) for stream in ("math", "tool", "research") for phase in PHASES}
    assert all(16 <= count <= 24 for count in cells.values()), cells
    assert len({(item.task, item.phase) for item in items}) == len(items)
    assert all("/heldout/" in item.task for item in items)


def test_prefix_and_true_option_are_the_beginning_of_a_real_record(
    items: list[PhaseItem], families: dict[str, TaskFamily], world: Path
) -> None:
    with inside(world):
        synthesizer = Synthesizer(families)
        for item in items:
            seed = int(item.task.rpartition("/")[2])
            record = synthesizer.episode(item.family, seed, float((seed - SEED) % 2 == 0), "heldout")
            text = "".join(segment.text for segment in item.prefix) + item.options[item.gold] + item.closing.text
            assert render_text(to_messages(record), record.specs()).startswith(text)


def test_options_are_four_different_texts_of_like_length(items: list[PhaseItem]) -> None:
    for item in items:
        true = item.options[item.gold]
        assert len(set(item.options)) == OPTIONS == len(item.options)
        assert all(abs(len(option) - len(true)) <= max(4, 0.3 * len(true)) for option in item.options), item.options
        assert not set(item.options) & set(item.others)


@settings(max_examples=5, deadline=None)
@given(order=st.permutations(CHOSEN[:4]), seed=st.integers(0, 10**6))
def test_items_depend_on_the_seed_and_on_nothing_else(
    families: dict[str, TaskFamily], world: Path, order: list[str], seed: int
) -> None:
    """Neither on the order of the families nor, but for how many are taken, on the other families of the stream."""
    with inside(world):
        first = build_items({name: families[name] for name in CHOSEN[:4]}, 4, seed)
        second = build_items({name: families[name] for name in order}, 4, seed)
        alone = build_items({order[0]: families[order[0]]}, 2, seed)
    key = {(item.task, item.phase): item for item in first}
    assert key == {(item.task, item.phase): item for item in second}
    assert all(key.get((item.task, item.phase), item) == item for item in alone)


def test_looks_give_nothing_away(items: list[PhaseItem], checkpoint: Checkpoint, tokenizer: TextTokenizer) -> None:
    """The place, the length and the wording alone stay near chance over all questions."""
    by_task: dict[str, list[PhaseItem]] = {}
    for item in items:
        by_task.setdefault(item.task, []).append(item)
    answers = [answer for found in by_task.values() for answer in answer_record(checkpoint.model, tokenizer, found)]
    assert len(answers) > 250
    for name in BASELINES[1:3]:
        assert 0.15 < sum(getattr(answer, name) for answer in answers) / len(answers) < 0.35, name
    assert all(count < 0.35 * len(answers) for count in Counter(answer.gold for answer in answers).values())
    figures = phase_metrics(answers, 0.95)
    assert all(row["lo"] <= row["acc"] <= row["hi"] for phases in figures.values() for row in phases.values())


def test_an_answer_is_the_likeliest_option(
    items: list[PhaseItem], checkpoint: Checkpoint, tokenizer: TextTokenizer
) -> None:
    task = items[0].task
    chosen = [item for item in items if item.task == task]
    for item, answer in zip(chosen, answer_record(checkpoint.model, tokenizer, chosen), strict=True):
        prefix = [
            token
            for segment in item.prefix
            for token in ([tokenizer.special[segment.text]] if segment.special else tokenizer.encode(segment.text))
        ]
        rows = [
            ScoringRow(
                ids=np.array([*prefix, *tokenizer.encode(option), tokenizer.special[item.closing.text]]),
                first_target=len(prefix),
            )
            for option in item.options
        ]
        plain = [float(row.log_probabilities.sum()) for row in score_rows(checkpoint.model, rows)]
        assert answer.log_likelihoods == pytest.approx(plain, abs=1e-3)
        assert answer.acc == (int(np.argmax(plain)) == item.gold)


def test_a_question_too_long_for_the_context_is_left_out(
    items: list[PhaseItem], checkpoint: Checkpoint, tokenizer: TextTokenizer
) -> None:
    long = max(items, key=lambda item: sum(len(segment.text) for segment in item.prefix))
    short = min(items, key=lambda item: sum(len(segment.text) for segment in item.prefix))
    limit = checkpoint.model.config.max_position_embeddings
    stretched = long.prefix[:-1] + (long.prefix[2],) * limit + long.prefix[-1:]
    too_long = PhaseItem(**{**{name: getattr(long, name) for name in long.__dataclass_fields__}, "prefix": stretched})
    assert answer_record(checkpoint.model, tokenizer, [too_long]) == []
    assert len(answer_record(checkpoint.model, tokenizer, [short])) == 1
