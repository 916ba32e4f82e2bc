"""The loop: lock-step, its four ends, and calls that are never made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from components.agent.environment import Task, TaskFamily
from components.agent.episode_loop import Conversation, Episode, run_episodes
from components.agent.messages import ToolCall
from components.agent.policies import NoOpPolicy, OraclePolicy, RandomToolPolicy
from components.agent.turns import compose_turn, turn_text
from components.core.special_tokens import END_OF_TEXT

QUICK = (
    "arithmetic_add",
    "arithmetic_subtract",
    "arithmetic_multiply",
    "arithmetic_three_terms",
    "factbook_field",
    "factbook_compare",
)
CALL = compose_turn(plan="go", calls=(ToolCall(name="calculator", arguments={"expression": "1+1"}),))

Families = Mapping[str, TaskFamily]


class Scripted:
    """Writes the same turns in every conversation and remembers how often it was asked."""

    def __init__(self, write: Callable[[Conversation], str], room: int = 99) -> None:
        self.write = write
        self.room = room
        self.asked: list[list[str]] = []

    def fits(self, conversation: Conversation) -> bool:
        return len(conversation.turns) < self.room

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        self.asked.append([conversation.task.id for conversation in conversations])
        return [self.write(conversation) for conversation in conversations]


def _tasks(families: Families, name: str, count: int) -> list[Task]:
    return [families[name].sample(seed, "heldout") for seed in range(count)]


def _run(families: Families, write: Callable[[Conversation], str], room: int = 99) -> Episode:
    tasks = _tasks(families, "arithmetic_add", 1)
    return run_episodes(Scripted(write, room), tasks, families=families, max_turns=5)[0]


@pytest.mark.parametrize("wrong_branch", [False, True])
@pytest.mark.parametrize(("name", "count"), [*((name, 50) for name in QUICK), ("code_repair", 4)])
def test_the_oracle_solves_everything(families: Families, name: str, count: int, wrong_branch: bool) -> None:
    """Through the same text as every policy: the protocol loses nothing."""
    policy = OraclePolicy(families, wrong_branch=wrong_branch)
    episodes = run_episodes(policy, _tasks(families, name, count), families=families, max_turns=12)
    assert [episode.success for episode in episodes] == [True] * count
    assert all(episode.end == "answered" and episode.parse_errors == 0 for episode in episodes)
    assert all(episode.tool_calls == episode.turns - 1 for episode in episodes)


@pytest.mark.parametrize("name", QUICK)
def test_baselines_are_worth_nothing(families: Families, name: str) -> None:
    tasks = _tasks(families, name, 100)
    for policy in (NoOpPolicy(), RandomToolPolicy(1)):
        episodes = run_episodes(policy, tasks, families=families, max_turns=8)
        assert sum(episode.success for episode in episodes) <= 4
        assert all(episode.end == "answered" and episode.parse_errors == 0 for episode in episodes)


def test_the_random_baseline_really_calls(families: Families) -> None:
    episodes = run_episodes(RandomToolPolicy(1), _tasks(families, "arithmetic_add", 60), families=families, max_turns=8)
    seen = [turn.observations[0].status for episode in episodes for turn in episode.transcript if turn.calls]
    assert len(seen) == 60 and {"ok", "error"} == set(seen)


def test_the_same_tasks_give_the_same_episodes(families: Families) -> None:
    tasks = [task for name in QUICK for task in _tasks(families, name, 10)]
    for make in (lambda: OraclePolicy(families, seed=3), lambda: RandomToolPolicy(3)):
        first = run_episodes(make(), tasks, families=families, max_turns=8)
        assert first == run_episodes(make(), tasks, families=families, max_turns=8)
        backwards = run_episodes(make(), tasks[::-1], families=families, max_turns=8)
        assert first == backwards[::-1]


def test_all_live_conversations_act_at_once(families: Families) -> None:
    tasks = [*_tasks(families, "arithmetic_add", 3), *_tasks(families, "factbook_compare", 2)]

    class Watched(OraclePolicy):
        sizes: tuple[int, ...] = ()

        def act(self, conversations: Sequence[Conversation]) -> list[str]:
            self.sizes += (len(conversations),)
            return super().act(conversations)

    policy = Watched(families)
    run_episodes(policy, tasks, families=families, max_turns=8)
    assert policy.sizes == (5, 5, 2)


def test_it_ends_at_max_turns(families: Families) -> None:
    episode = _run(families, lambda conversation: turn_text(CALL))
    assert (episode.end, episode.turns, episode.tool_calls, episode.success) == ("max_turns", 5, 5, False)
    assert episode.answer is None


def test_it_ends_when_there_is_no_room(families: Families) -> None:
    episode = _run(families, lambda conversation: turn_text(CALL), room=2)
    assert (episode.end, episode.turns, episode.success) == ("context_overflow", 2, False)


def test_it_ends_after_too_many_unreadable_turns(families: Families) -> None:
    episode = _run(families, lambda conversation: "<think>lost")
    assert (episode.end, episode.turns, episode.parse_errors) == ("parse_errors", 3, 3)
    assert episode.messages[2].role == "tool" and episode.messages[2].text == "error: the turn was cut off"


def test_one_unreadable_turn_can_be_mended(families: Families) -> None:
    task = _tasks(families, "arithmetic_add", 1)[0]
    value = str(task.payload["value"])

    def write(conversation: Conversation) -> str:
        return (
            ("{" + END_OF_TEXT, turn_text(CALL), value + END_OF_TEXT)[len(conversation.turns)]
            if conversation.turns
            else "<plan>"
        )

    episode = _run(families, write)
    assert episode.parse_errors == 1 and episode.success


def test_a_broken_call_is_not_made(families: Families) -> None:
    """Two calls, the second broken: neither runs, and its argument never falls back to nothing."""
    good = turn_text(CALL).removesuffix(END_OF_TEXT)
    episode = _run(
        families, lambda conversation: good + '\n<tool_call>{"name":"calculator","arguments":{}' + END_OF_TEXT
    )
    assert episode.tool_calls == 0 and episode.parse_errors == 3
    assert all(not turn.calls for turn in episode.transcript)


def test_an_answer_that_was_cut_off_is_no_answer(families: Families) -> None:
    assert _run(families, lambda conversation: "46").end == "parse_errors"


def test_several_calls_of_a_turn_run_in_order(families: Families) -> None:
    calls = tuple(ToolCall(name="calculator", arguments={"expression": text}) for text in ("1+1", "x", "2+2"))

    def write(conversation: Conversation) -> str:
        return turn_text(compose_turn(summary="0") if conversation.turns else compose_turn(plan="go", calls=calls))

    episode = _run(families, write)
    assert [message.text for message in episode.messages if message.role == "tool"] == [
        "2",
        "error: only integers and + - * ( )",
        "4",
    ]
    assert episode.tool_calls == 3


def test_every_turn_is_recorded(families: Families) -> None:
    tasks = _tasks(families, "arithmetic_add", 1)
    (episode,) = run_episodes(OraclePolicy(families), tasks, families=families, max_turns=8)
    assert [message.role for message in episode.messages] == ["user", "assistant", "tool", "assistant"]
    assert [len(turn.observations) for turn in episode.transcript] == [1, 0]
    assert all(turn.text.endswith(END_OF_TEXT) for turn in episode.transcript)
    assert episode.answer is not None and str(tasks[0].payload["value"]) in episode.answer


@pytest.mark.parametrize("name", [*QUICK, "code_repair"])
def test_a_task_is_a_function_of_its_seed(families: Families, name: str) -> None:
    for seed in range(5):
        task = families[name].sample(seed, "train")
        assert task == families[name].sample(seed, "train")
        assert task.family == name and task.domain == families[name].domain
        assert task.id not in {families[name].sample(other, "train").id for other in range(seed)}
