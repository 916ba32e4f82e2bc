"""When is a job done at the earliest? Tasks that wait for others, taken in topological order."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from components.agent.messages import ToolSpec
from components.tasks.cot.steps import (
    Claim,
    ClaimError,
    Deduction,
    Facts,
    Puzzle,
    WrongClaim,
    check_tool,
    with_real_mistakes,
)
from components.tasks.kit.wording import listed, phrase

TOOL = check_tool("task START-END, or done END")
_CLAIM = re.compile(r"\s*(\w+) (?:(\d{1,6})-)?(\d{1,6})\s*", re.ASCII)
_JOBS = (
    ("digging", "pouring", "framing", "roofing", "wiring", "painting"),
    ("washing", "cutting", "boiling", "frying", "baking", "serving"),
    ("design", "coding", "testing", "review", "packing", "release"),
    ("survey", "lease", "permit", "fitting", "hiring", "opening"),
    ("script", "casting", "filming", "scoring", "editing", "premiere"),
)
_UNITS = ("hours", "days", "weeks")


@dataclass(frozen=True)
class Schedule(Puzzle):
    """Facts: ["lasts", task, time] and ["waits", task, for]; ["unit", name].

    Claims: (task, start, end), (done, end).
    """

    tool: ClassVar[ToolSpec] = TOOL
    facts: Facts

    @cached_property
    def lasts(self) -> dict[str, int]:
        return {fact[1]: fact[2] for fact in self.facts if fact[0] == "lasts"}

    @cached_property
    def waits(self) -> dict[str, list[str]]:
        return {task: [fact[2] for fact in self.facts if fact[:2] == ["waits", task]] for task in self.lasts}

    @property
    def unit(self) -> str:
        return next(str(fact[1]) for fact in self.facts if fact[0] == "unit")

    @cached_property
    def times(self) -> dict[str, tuple[int, int]]:
        """Earliest start and end of every task, in an order in which each follows what it waits for."""
        times: dict[str, tuple[int, int]] = {}
        while len(times) < len(self.lasts):
            ready = [task for task in self.lasts if task not in times and all(on in times for on in self.waits[task])]
            assert ready, "tasks wait for each other in a circle"
            for task in ready:
                start = max((times[on][1] for on in self.waits[task]), default=0)
                times[task] = (start, start + self.lasts[task])
        return times

    @property
    def done(self) -> int:
        return max(end for _, end in self.times.values())

    def read(self, text: str) -> Claim:
        match = _CLAIM.fullmatch(text)
        if match is None or (match[1] == "done") == (match[2] is not None):
            raise ClaimError(f"{text.strip()[:30]!r} is not like task 2-5 or done 9")
        if match[1] != "done" and match[1] not in self.lasts:
            raise ClaimError(f"no task {match[1][:20]}")
        return ("done", int(match[3])) if match[1] == "done" else (match[1], int(match[2]), int(match[3]))

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        ends = {task: rest[-1] for task, *rest in known if task != "done"}
        if claim[0] == "done":
            open_tasks = [task for task in self.lasts if task not in ends]
            if open_tasks:
                return f"{open_tasks[0]} has no time yet"
            last = max(ends, key=lambda task: ends[task])
            return None if ends[last] == claim[1] else f"{last} is the last, at {ends[last]}"
        task, start, end = claim
        unknown = [on for on in self.waits[task] if on not in ends]
        if unknown:
            return f"{unknown[0]} has no time yet"
        late = [on for on in self.waits[task] if ends[on] > start]
        if late:
            return f"{late[0]} ends at {ends[late[0]]}"
        if start > max((ends[on] for on in self.waits[task]), default=0):
            return f"nothing it waits for ends at {start}"
        if end - start != self.lasts[task]:
            return f"that is {end - start} {self.unit}, not {self.lasts[task]}"
        return None

    def solves(self, answer: str, known: Sequence[Claim]) -> bool:
        numbers = re.findall(r"[0-9]+", answer)
        return bool(numbers) and numbers[-1] == str(self.done) and ("done", self.done) in known

    def opening(self, rng: random.Random) -> str:
        return phrase(
            rng,
            "[[Each task|A task|Every task] starts when [all|the last of what] it waits for [is done|has ended]."
            "|Go through the tasks in an order that respects the waits.|Tasks that do not wait run side by side."
            "|[The|An] earliest end follows from the latest wait of each task.]",
        )

    def answer(self, rng: random.Random) -> str:
        return phrase(rng, "[All is done|The job is done|Everything ends] [after|at] {n}.", n=self.done)

    def deductions(self, rng: random.Random) -> list[Deduction]:
        steps = [self._step(rng, task) for task in self.times]
        last = max(self.times, key=lambda task: self.times[task][1])
        steps.append(
            Deduction(
                claim=f"done {self.done}",
                because=phrase(rng, "[{t} ends last, at {n}|the last to end is {t}, at {n}]", t=last, n=self.done),
                text=phrase(rng, "[all is done|the job ends|everything is done] at {n}", n=self.done),
                mistakes=(
                    WrongClaim(
                        name="times added up",
                        claim=f"done {sum(self.lasts.values())}",
                        because="all the times add up",
                        text=f"all is done at {sum(self.lasts.values())}",
                        lesson="What does not wait runs side by side, so times do not simply add up",
                    ),
                    WrongClaim(
                        name="last in the list",
                        claim=f"done {self.times[list(self.lasts)[-1]][1]}",
                        because=f"{list(self.lasts)[-1]} is named last",
                        text=f"all is done at {self.times[list(self.lasts)[-1]][1]}",
                        lesson="The task that ends last decides, not the one named last",
                    ),
                ),
            )
        )
        return with_real_mistakes(self, steps)

    def _step(self, rng: random.Random, task: str) -> Deduction:
        start, end = self.times[task]
        length, waits = self.lasts[task], self.waits[task]
        if not waits:
            because = phrase(rng, "[{t} waits for nothing|nothing holds {t} up] and takes {n}", t=task, n=length)
        else:
            ends = listed([f"{on} at {self.times[on][1]}" for on in waits])
            because = phrase(
                rng,
                "[{t} waits for {on}, which [end|are done] {ends},|{ends} [end|must end] first,] and {t} takes {n}"
                if len(waits) > 1
                else "[{t} follows {on}, which ends at {s},|{on} ends at {s}] and {t} takes {n}",
                t=task, n=length, ends=ends, on=listed(waits), s=start,
            )  # fmt: skip
        return Deduction(
            claim=f"{task} {start}-{end}",
            because=because,
            text=phrase(rng, "{t} [runs|goes|lasts] [{s}-{e}|from {s} to {e}]", t=task, s=start, e=end),
            mistakes=tuple(self._mistakes(task)),
        )

    def _mistakes(self, task: str) -> list[WrongClaim]:
        start, length, waits = self.times[task][0], self.lasts[task], self.waits[task]

        def wrong(name: str, begin: int, end: int, because: str, lesson: str) -> WrongClaim:
            says = f"{task} runs {begin}-{end}"
            return WrongClaim(name=name, claim=f"{task} {begin}-{end}", because=because, text=says, lesson=lesson)

        found = [
            wrong(
                "both ends counted", start, start + length - 1, f"{task} takes {length}, its first one included",
                "The length is the end less the start",
            )
        ]  # fmt: skip
        if waits:
            ends = {on: self.times[on][1] for on in waits}
            early = min(ends, key=lambda on: ends[on])
            found += [
                wrong(
                    "wait forgotten", 0, length, f"{task} takes {length}",
                    "It must wait for what it needs",
                ),
                wrong(
                    "first wait taken", ends[early], ends[early] + length, f"{early} ends at {ends[early]}",
                    "It waits for all of them, so the latest counts",
                ),
                wrong(
                    "waits added", sum(ends.values()), sum(ends.values()) + length,
                    f"what {task} waits for takes {sum(ends.values())} together",
                    "They run side by side, so only the latest end counts",
                ),
            ]  # fmt: skip
        return found


class Schedules:
    """Four to six tasks of one trade; each but the first ones waits for one or two."""

    tools: tuple[ToolSpec, ...] = (TOOL,)

    def draw(self, rng: random.Random) -> Facts:
        names = rng.choice(_JOBS)
        tasks = [names[index] for index in sorted(rng.sample(range(len(names)), rng.randint(4, 6)))]
        facts: Facts = [["lasts", task, rng.randint(1, 12)] for task in tasks]
        for number, task in enumerate(tasks[1:], start=1):
            for on in rng.sample(tasks[:number], min(number, rng.choice((0, 1, 1, 2, 2)))):
                facts.append(["waits", task, on])
        return [*facts, ["unit", rng.choice(_UNITS)]]

    def symbols(self, facts: Facts) -> list[str]:
        return [fact[1] for fact in facts if fact[0] in ("lasts", "unit")]

    def problem(self, facts: Facts) -> Schedule:
        return Schedule(facts)

    def prompt(self, rng: random.Random, facts: Facts) -> str:
        plan = Schedule(facts)
        told = []
        for task in rng.sample(list(plan.lasts), len(plan.lasts)):
            told.append(
                phrase(
                    rng,
                    "{t} [takes|lasts|needs] {n}"
                    + ("[, after| and waits for|, to follow] {on}" if plan.waits[task] else ""),
                    t=task,
                    n=plan.lasts[task],
                    on=listed(plan.waits[task]) if plan.waits[task] else "",
                )
            )
        question = phrase(
            rng,
            "[When is all done at the earliest?|How soon can everything be done?|"
            "After how many {unit} is all done at best?]",
            unit=plan.unit,
        )
        listing = phrase(rng, "[In {unit}:|Times in {unit}:|Tasks ({unit}):] ", unit=plan.unit)
        return f"{listing} {'; '.join(told)}. {question}"
