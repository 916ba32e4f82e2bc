"""Every family from its seed to a record: oracles succeed, idlers and guessers do not, everything can be rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from research_corpus import FAMILIES, accepted

from components.agent.environment import Environment, OracleStep, Split, Task
from components.agent.episode_loop import run_episodes
from components.agent.factbook import Knowledge
from components.agent.messages import ToolCall
from components.agent.policies import NoOpPolicy, OraclePolicy, RandomToolPolicy
from components.core.errors import BadInput
from components.core.seeding import named_rng
from components.tasks.kit.splits import split_of
from components.tasks.research.contradiction import older
from components.tasks.research.environment import ResearchEnvironment, abstains
from components.tasks.research.families import families as research_families
from components.tasks.research.family import ResearchFamily
from components.tasks.research.report import ReportFamily
from components.trajectories.check import find_faults
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import Record

Families = Mapping[str, ResearchFamily]
SPLITS: tuple[Split, ...] = ("train", "heldout")
_EPISODES, _MAX_TURNS = 150, 12


def play(family: ResearchFamily, task: Task, *, wrong: bool, seed: int = 0) -> tuple[Environment, list[OracleStep]]:
    """The oracle's episode: its environment afterwards and its steps."""
    environment = family.start(task)
    oracle = family.oracle(task, named_rng("words", task.id, seed), wrong)
    steps = [next(oracle)]
    while (call := steps[-1].call) is not None:
        steps.append(oracle.send(environment.execute(call)))
    return environment, steps


class Sampled:
    """Tasks by (family, split, seed), each drawn once for all tests but those about drawing."""

    def __init__(self, families: Families) -> None:
        self.families = families
        self._tasks: dict[tuple[str, Split, int], Task] = {}

    def __call__(self, name: str, seeds: int, split: Split = "train") -> list[Task]:
        for seed in range(seeds):
            if (name, split, seed) not in self._tasks:
                self._tasks[name, split, seed] = self.families[name].sample(seed, split)
        return [self._tasks[name, split, seed] for seed in range(seeds)]


@pytest.fixture(scope="session")
def sampled(families: Families) -> Sampled:
    return Sampled(families)


@pytest.fixture(scope="session")
def records(families: Families) -> dict[str, list[Record]]:
    synthesizer = Synthesizer(dict(families), "public-domain")
    return {name: [synthesizer.episode(name, seed, 0.5) for seed in range(40)] for name in FAMILIES}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", FAMILIES)
def test_the_oracle_always_succeeds(families: Families, sampled: Sampled, name: str, split: Split) -> None:
    family = families[name]
    for task in sampled(name, _EPISODES, split):
        assert task.domain == "research" and {"search", "open"} <= {tool.name for tool in task.tools}
        for wrong in (False, True):
            environment, steps = play(family, task, wrong=wrong)
            assert environment.verify(steps[-1].summary or ""), (task.prompt, steps[-1])
            labels = [step.label for step in steps]
            assert labels.count("wrong") == labels.count("recovery") == int(wrong)
            assert not wrong or labels.index("recovery") == labels.index("wrong") + 1
            assert len(steps) <= _MAX_TURNS


@pytest.mark.parametrize("name", FAMILIES)
def test_through_the_text_of_the_protocol_too(families: Families, sampled: Sampled, name: str) -> None:
    tasks = sampled(name, 30, "heldout")
    for wrong in (False, True):
        policy = OraclePolicy(families, wrong_branch=wrong)
        episodes = run_episodes(policy, tasks, families=families, max_turns=_MAX_TURNS)
        assert all(episode.success for episode in episodes)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_wrong_branch_is_really_contradicted(families: Families, sampled: Sampled, name: str) -> None:
    family = families[name]
    for seed, task in enumerate(sampled(name, 100)):
        environment = family.start(task)
        assert isinstance(environment, ResearchEnvironment)
        oracle = family.oracle(task, named_rng("words", seed), True)
        step = next(oracle)
        while step.label != "wrong":
            assert step.call is not None
            step = oracle.send(environment.execute(step.call))
        assert step.call is not None
        before = environment.read & set(environment.needed)
        seen = environment.execute(step.call)
        recovery = oracle.send(seen)
        assert recovery.label == "recovery" and recovery.call not in (None, step.call)
        assert seen.content.splitlines()[0] in recovery.reflection
        assert environment.read & set(environment.needed) == before, "it brought what was needed after all"


@pytest.mark.parametrize("name", FAMILIES)
def test_idlers_and_guessers_get_about_nothing(families: Families, sampled: Sampled, name: str) -> None:
    tasks = [task for split in SPLITS for task in sampled(name, 100, split)]
    idle = run_episodes(NoOpPolicy(), tasks, families=families, max_turns=_MAX_TURNS)
    random = run_episodes(RandomToolPolicy(1), tasks, families=families, max_turns=_MAX_TURNS)
    assert sum(episode.success for episode in idle) == 0
    assert sum(episode.success for episode in random) == 0


@pytest.mark.parametrize("name", FAMILIES)
def test_the_right_words_count_for_nothing_unless_all_was_read(families: Families, sampled: Sampled, name: str) -> None:
    """The oracle's own answer fails without its calls and after the first of them: no question ends with one search.

    A later call alone may do: who knows the country already may read all that is needed on one page of it.
    """
    family = families[name]
    for task in sampled(name, 60):
        _, steps = play(family, task, wrong=False)
        answer = steps[-1].summary or ""
        environment = family.start(task)
        assert not environment.verify(answer)
        assert steps[0].call is not None
        environment.execute(steps[0].call)
        assert not environment.verify(answer)


@pytest.mark.parametrize("name", FAMILIES)
def test_saying_unknown_is_right_only_where_nothing_is_known(families: Families, sampled: Sampled, name: str) -> None:
    family = families[name]
    for task in sampled(name, 60):
        environment, _ = play(family, task, wrong=False)
        assert environment.verify("Unknown.") == (name == "research_unanswerable")
        assert not family.start(task).verify("Unknown.")
        assert not environment.verify("Certainly Atlantis.")


def test_an_abstention_without_the_search_or_the_page_fails(families: Families, sampled: Sampled) -> None:
    family = families["research_unanswerable"]
    for task in sampled(family.name, 60):
        _, steps = play(family, task, wrong=False)
        calls = [step.call for step in steps if step.call is not None]
        for left_out in calls[1:]:
            environment = family.start(task)
            for call in calls:
                if call is not left_out:
                    environment.execute(call)
            assert not environment.verify("It is unknown.")


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("Unknown.", True),
        ("The pages do not say.", True),
        ("No page states it.", True),
        ("It cannot be found here", True),
        ("I do not know.", True),
        ("It is 42.", False),
        ("It is 42, but unknown.", False),
        ("Unknown, perhaps Paris.", False),
        ("", False),
        ("unknown " * 40, False),
    ],
)
def test_what_counts_as_an_abstention(answer: str, right: bool) -> None:
    assert abstains(answer) == right


def test_one_side_of_a_contradiction_is_not_enough(families: Families, sampled: Sampled) -> None:
    family = families["research_contradiction"]
    assert isinstance(family, ReportFamily)
    for task in sampled(family.name, 60, "heldout"):
        environment, steps = play(family, task, wrong=False)
        claims = [f"{part}]." for part in (steps[-1].summary or "").split("].") if part]
        assert environment.verify(" ".join(claims)) and environment.verify(" ".join(reversed(claims)))
        for left_out in range(len(claims)):
            assert not environment.verify(" ".join(claims[:left_out] + claims[left_out + 1 :]))
        years = {str(task.payload["stale"]["year"]), "2015"}
        one, other = sorted(years)
        assert not environment.verify((steps[-1].summary or "").replace(f" in {one} ", f" in {other} "))
        assert task.payload["stale"]["id"] not in family.corpus.pages, "the stale page is this episode's alone"


def test_an_older_value_is_written_like_the_newer_one() -> None:
    assert older("10,448,647", 0.9) == "9,403,782"
    assert older("61.47 years", 0.9) == "55.32 years"
    assert older("7,281.5 km", 0.5) == "3,640.8 km"
    assert older("many", 0.5) == "many"


@pytest.mark.parametrize("name", FAMILIES)
def test_splits_share_no_country(sampled: Sampled, name: str) -> None:
    asked: dict[Split, set[str]] = {
        split: {country for task in sampled(name, _EPISODES, split) for country in task.payload["countries"]}
        for split in SPLITS
    }
    assert asked["train"] and asked["heldout"] and not asked["train"] & asked["heldout"]
    assert all(split_of("country", country) == split for split in SPLITS for country in asked[split])


def test_the_unanswerable_is_asked_in_the_words_of_the_answerable(families: Families, sampled: Sampled) -> None:
    def openings(name: str) -> set[str]:
        return {question.prompt.split(" the ")[0] for question, _ in accepted(families[name], "train", 60)}

    assert openings("research_unanswerable") <= openings("research_chain")
    reports = ("research_report", "research_contradiction")
    assert len({task.prompt.split(". Cite")[1] for name in reports for task in sampled(name, 20)}) == 1


@pytest.mark.parametrize("name", FAMILIES)
def test_a_task_and_an_episode_are_functions_of_their_seed(
    families: Families, sampled: Sampled, knowledge: Knowledge, name: str
) -> None:
    anew = {family.name: family for family in research_families(Knowledge(dict(reversed(knowledge.facts.items()))))}
    for seed in reversed(range(15)):
        task = families[name].sample(seed, "train")
        assert anew[name].sample(seed, "train") == task
        for wrong in (False, True):
            assert play(anew[name], task, wrong=wrong)[1] == play(families[name], task, wrong=wrong)[1]
    assert len({task.prompt for task in sampled(name, 100)}) > 75


@pytest.mark.parametrize("name", FAMILIES)
def test_records_hold_every_invariant_and_replay(
    families: Families, records: dict[str, list[Record]], name: str
) -> None:
    assert [faults for record in records[name] if (faults := find_faults(record, ()))] == []
    assert [fault for record in records[name][::2] if (fault := replay(record, families))] == []
    assert {any(step.label == "wrong" for step in record.steps) for record in records[name]} == {True, False}


def edited(record: Record, edit: Callable[[dict[str, Any]], None]) -> Record:
    tree = record.model_dump(mode="json")
    edit(tree)
    return Record.model_validate(tree).identified()


def _summary(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def edit(tree: dict[str, Any]) -> None:
        text = tree["steps"][-1]["text"].replace(old, new)
        tree["steps"][-1]["text"] = tree["answer"]["value"] = text

    return edit


def test_a_record_with_a_bad_citation_is_caught(records: dict[str, list[Record]]) -> None:
    for record in records["research_report"][:20]:
        first, second = (part.rsplit("[", 1)[1] for part in record.answer.value.split("].")[:2])
        for old, new in ((first, second), (f"{first}]", f"{first[:-1]}]"), (f"[{first}]", f"[atlantis/{first}]")):
            faults = find_faults(edited(record, _summary(old, new)), ())
            assert "traces" in faults, (old, new)


def test_a_corpus_without_questions_says_so() -> None:
    for family in research_families(Knowledge({})):
        with pytest.raises(BadInput, match="too few countries"):
            family.sample(0, "train")
    for family in research_families(Knowledge({"Ada": {"capital": "Yam"}, "Bor": {"capital": "Zed"}})):
        with pytest.raises(BadInput, match="too few countries"):
            family.sample(0, split_of("country", "Ada"))


def test_a_calculator_may_lie_about(families: Families, sampled: Sampled) -> None:
    tasks = sampled("research_chain", 60)
    task = next(task for task in tasks if len(task.tools) == 3)
    seen = families["research_chain"].start(task).execute(ToolCall(name="calculator", arguments={"expression": "6*7"}))
    assert seen.content == "42" and any(len(task.tools) == 2 for task in tasks)
