"""The agent loop on held-out tasks: the model beside the two baselines that say what a score is worth.

The tasks are a function of (seed, family), so every checkpoint and every baseline meets the same ones, and the gate
may pair them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.agent.environment import Task, TaskFamily
from components.agent.episode_loop import Policy, run_episodes
from components.agent.factbook import Knowledge
from components.agent.policies import ModelPolicy, NoOpPolicy, RandomToolPolicy
from components.core.params import Params
from components.evaluation.statistics import mean_of, wilson
from components.tasks.kit.registry import choose_families, load_families

MODEL = "model"
BASELINES = ("no_op", "random_tool")
# Families whose every call runs a real test suite; more episodes would cost minutes.
_EPISODE_CAPS = {"code_repair": 10}
_DRAWS_PER_TASK = 5


@dataclass(frozen=True, kw_only=True)
class EpisodeItem:
    """One episode of one policy."""

    policy: str
    stream: str
    family: str
    task: str
    success: bool
    turns: int
    tool_calls: int
    parse_errors: int
    end: str


def evaluated_families(params: Params) -> dict[str, TaskFamily]:
    """Families training knows (on held-out seeds), then those it never sees. Raises BadInput for an unknown name."""
    families = load_families(Knowledge.load())
    trained = choose_families(families, params.trajectories.families, "params.yaml: trajectories.families")
    unseen = choose_families(families, params.evaluation.held_out_families, "params.yaml: evaluation.held_out_families")
    return trained | unseen


def held_out_tasks(family: TaskFamily, episodes: int, seed: int) -> list[Task]:
    """Tasks of the held-out split, the same for every checkpoint. A prompt drawn before is passed over, so that no
    task counts twice; a family with few different tasks may give fewer than `episodes`."""
    wanted = min(episodes, _EPISODE_CAPS.get(family.name, episodes))
    tasks: dict[str, Task] = {}
    for number in range(_DRAWS_PER_TASK * wanted):
        task = family.sample(seed + number, "heldout")
        tasks.setdefault(task.prompt, task)
        if len(tasks) == wanted:
            break
    return list(tasks.values())


def evaluate_agent(
    model_policy: ModelPolicy,
    families: dict[str, TaskFamily],
    params: Params,
    on_family: Callable[[], None],
) -> list[EpisodeItem]:
    """Run the model and the baselines on every family's tasks, family by family; calls `on_family` after each."""
    policies: dict[str, Policy] = {
        MODEL: model_policy,
        "no_op": NoOpPolicy(),
        "random_tool": RandomToolPolicy(params.seed),
    }
    items: list[EpisodeItem] = []
    for name, family in families.items():
        tasks = held_out_tasks(family, params.evaluation.episodes, params.seed)
        for policy_name, policy in policies.items():
            episodes = run_episodes(
                policy,
                tasks,
                families=families,
                max_turns=params.evaluation.max_turns,
                max_parse_errors=params.evaluation.max_parse_errors,
            )
            items += [
                EpisodeItem(
                    policy=policy_name,
                    stream=family.domain,
                    family=name,
                    task=episode.task_id,
                    success=episode.success,
                    turns=episode.turns,
                    tool_calls=episode.tool_calls,
                    parse_errors=episode.parse_errors,
                    end=episode.end,
                )
                for episode in episodes
            ]
        on_family()
    return items


def parse_rate(items: Sequence[EpisodeItem]) -> tuple[int, int]:
    """Tool calls that could be read, and all turns that tried one: those calls and the turns that could not be read."""
    read = sum(item.tool_calls for item in items)
    return read, read + sum(item.parse_errors for item in items)


def summarise(items: Sequence[EpisodeItem], confidence: float) -> dict[str, dict[str, float | int]]:
    """Metrics of one policy by family: success with Wilson's interval, parse rate, how episodes ended."""
    metrics: dict[str, dict[str, float | int]] = {}
    for family in dict.fromkeys(item.family for item in items):
        members = [item for item in items if item.family == family]
        success = wilson(sum(item.success for item in members), len(members), confidence)
        read, tried = parse_rate(members)
        metrics[family] = {
            "success": success.estimate,
            "lo": success.low,
            "hi": success.high,
            "episodes": len(members),
            "turns": sum(item.turns for item in members) / len(members),
            "tool_calls": read,
            "parse_rate": read / tried if tried else 0.0,
            **{f"end_{end}": sum(item.end == end for item in members) for end in sorted({i.end for i in members})},
        }
    return metrics


def summarise_streams(items: Sequence[EpisodeItem], confidence: float) -> dict[str, dict[str, float | int]]:
    """Success of one policy by stream: the mean of its families' rates, each family counting alike however many
    episodes it has. The interval is for new tasks of these very families."""
    metrics: dict[str, dict[str, float | int]] = {}
    for stream in dict.fromkeys(item.stream for item in items):
        families: dict[str, list[bool]] = {}
        for item in items:
            if item.stream == stream:
                families.setdefault(item.family, []).append(item.success)
        success = mean_of([wilson(sum(each), len(each), confidence) for each in families.values()])
        metrics[stream] = {
            "success": success.estimate,
            "lo": success.low,
            "hi": success.high,
            "families": len(families),
            "episodes": sum(map(len, families.values())),
        }
    return metrics
