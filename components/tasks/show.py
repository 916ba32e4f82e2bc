"""Families and episodes for people: what this machine has, and one episode as text."""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from components.agent.environment import Observation, OracleStep, Split, Task, TaskFamily
from components.agent.factbook import FACTBOOK, Knowledge
from components.agent.messages import compact_json
from components.core.seeding import named_rng
from components.corpus.catalogue import load_catalogue
from components.corpus.sources import read_source
from components.sandbox import probe
from components.tasks.kit.episode import play_episode
from components.tasks.kit.registry import family_modules, load_families

_LAID_OUT_COLUMNS = 100


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One family of the registry. Without `family` it is not available here and `remedy` says what would bring it."""

    name: str
    module: str
    family: TaskFamily | None
    remedy: str = ""

    @property
    def stream(self) -> str:
        """The stream of its trajectories, or the package of one that is absent."""
        return self.family.domain if self.family else self.module.split(".")[2]


def starter_knowledge() -> Knowledge:
    """The Factbook of the starter corpus in this repository."""
    return Knowledge.from_documents(read_source("factbook", load_catalogue().sources["factbook"]), "the starter corpus")


def local_knowledge() -> Knowledge:
    """The Factbook that `ingest` wrote to data/raw, or the starter corpus's where no stage has run yet."""
    return Knowledge.load() if FACTBOOK.is_dir() else starter_knowledge()


def list_families(knowledge: Knowledge) -> list[Listed]:
    """Every family of the registry, ordered by stream and then as registered; absent ones last."""
    modules = family_modules()
    here = load_families(knowledge)
    contained = probe().holds_untrusted_code
    rows = []
    for name, module in modules.items():
        if name not in here:
            remedy = importlib.import_module(module).absent()[name]
            rows.append(Listed(name=name, module=module, family=None, remedy=remedy))
        elif here[name].domain == "code" and not contained:
            remedy = "runs untrusted code, which this machine cannot contain: `python -m components.sandbox` says why"
            rows.append(Listed(name=name, module=module, family=None, remedy=remedy))
        else:
            rows.append(Listed(name=name, module=module, family=here[name]))
    return sorted(rows, key=lambda row: (row.family is None, row.stream))


def play_seed(
    family: TaskFamily, task: Task, *, wrong_branch: bool
) -> tuple[list[tuple[OracleStep, Observation | None]], bool]:
    """The oracle's turns with their observations in a fresh environment, and whether the answer is right."""
    environment = family.start(task)
    oracle = family.oracle(task, named_rng("shown", task.id, wrong_branch), wrong_branch)
    turns = list(play_episode(oracle, environment))
    return turns, environment.verify(turns[-1][0].summary or "")


def episode_text(family: TaskFamily, seed: int, split: Split, *, wrong_branch: bool) -> str:
    """One episode: the prompt, the tools, each turn with its label, phases and observation, and the verdict."""
    task = family.sample(seed, split)
    turns, right = play_seed(family, task, wrong_branch=wrong_branch)
    lines = list(_laid_out("prompt", task.prompt))
    for tool in task.tools:
        parameters = ", ".join(tool.parameters.get("properties", {}))
        lines += _laid_out("tool", f"{tool.name}({parameters}) {tool.description}")
    for number, (step, seen) in enumerate(turns, start=1):
        lines += ["", f"turn {number}, {step.label}"]
        for phase in ("reflection", "analysis", "plan"):
            lines += _laid_out(phase, getattr(step, phase))
        if step.call is not None:
            lines += _laid_out("call", f"{step.call.name} {compact_json(step.call.arguments)}")
        if seen is not None:
            mark = " (injected fault)" if seen.origin == "injected_fault" else ""
            lines += _laid_out(f"observation{mark}", seen.render())
        lines += _laid_out("summary", step.summary or "")
    return "\n".join([*lines, "", f"verdict: {task.right_end if right else 'failure'}"]) + "\n"


def _laid_out(label: str, text: str) -> Iterator[str]:
    """`label: text`, wrapped; lines after the first are indented. Nothing for an empty text."""
    if text:
        first, *rest = text.splitlines()
        yield from textwrap.wrap(
            f"{label}: {first}", _LAID_OUT_COLUMNS, subsequent_indent="    ", break_long_words=False
        )
        for line in rest:
            yield f"    {line}".rstrip()
