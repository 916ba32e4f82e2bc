"""When is a job done at the earliest? Tasks that wait for others, taken in topological order."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from components.tasks.cot.family import FactPuzzle
from components.tasks.cot.steps import Claim, ClaimError, Deduction, Facts, WrongClaim, check_tool, unlike
from components.tasks.kit.wording import listed, phrase

_CLAIM = re.compile(r"\s*(\w+) (?:(\d{1,6})-)?(\d{1,6})\s*", re.ASCII)
_JOBS = (
    ("digging", "pouring", "framing", "roofing", "wiring", "painting"),
    ("washing", "cutting", "boiling", "frying", "baking", "serving"),
    ("design", "coding", "testing", "review", "packing", "release"),
    ("survey", "lease", "permit", "fitting", "hiring", "opening"),
    ("script", "casting", "filming", "scoring", "editing", "premiere"),
)


class Schedule(FactPuzzle):
    """Facts: ["lasts", task, time] and ["waits", task, for]; ["unit", name].

    Claims: (task, start, end), (done, end).
    """

    tool = check_tool("task START-END, or done END")
    openings = (
        "[[Each task|A task|Every task] starts when [all|the last of what] it waits for [is done|has ended]."
        "|Go through the tasks in an order that respects the waits.|Tasks that do not wait run side by side."
        "|[The|An] earliest end follows from the latest wait of each task.]"
    )
    answers = "[All is done|The job is done|Everything ends] [after|at] {n}."

    @classmethod
    def draw(cls, rng: random.Random) -> Facts:
        """Four to six tasks of one trade; each but the first ones waits for one or two."""
        names = rng.choice(_JOBS)
        tasks = [names[index] for index in sorted(rng.sample(range(len(names)), rng.randint(4, 6)))]
        facts: Facts = [["lasts", task, rng.randint(1, 12)] for task in tasks]
        for number, task in enumerate(tasks[1:], start=1):
            for on in rng.sample(tasks[:number], min(number, rng.choice((0, 1, 1, 2, 2)))):
                facts.append(["waits", task, on])
        return [*facts, ["unit", rng.choice(("hours", "days", "weeks"))]]

    @property
    def symbols(self) -> list[str]:
        return [name for name, *_ in self.of("lasts", "unit")]

    @cached_property
    def lasts(self) -> dict[str, int]:
        return dict(self.of("lasts"))

    @cached_property
    def waits(self) -> dict[str, list[str]]:
        return {task: [on for other, on in self.of("waits") if other == task] for task in self.lasts}

    @property
    def unit(self) -> str:
        return str(self.of("unit")[0][0])

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
    def goal(self) -> Claim:
        return "done", max(end for _, end in self.times.values())

    def read(self, text: str) -> Claim:
        match = _CLAIM.fullmatch(text)
        if match is None or (match[1] == "done") == (match[2] is not None):
            raise unlike(text, "task 2-5 or done 9")
        if match[1] != "done" and match[1] not in self.lasts:
            raise ClaimError(f"no task {match[1][:20]}")
        return ("done", int(match[3])) if match[1] == "done" else (match[1], int(match[2]), int(match[3]))

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        ends = {task: rest[-1] for task, *rest in known if task != "done"}
        needed = list(self.lasts) if claim[0] == "done" else self.waits[claim[0]]
        unknown = [task for task in needed if task not in ends]
        if unknown:
            return f"{unknown[0]} has no time yet"
        if claim[0] == "done":
            last = max(ends, key=lambda task: ends[task])
            return None if ends[last] == claim[1] else f"{last} is the last, at {ends[last]}"
        task, start, end = claim
        late = [on for on in needed if ends[on] > start]
        if late:
            return f"{late[0]} ends at {ends[late[0]]}"
        if start > max((ends[on] for on in needed), default=0):
            return f"nothing it waits for ends at {start}"
        return None if end - start == self.lasts[task] else f"that is {end - start} {self.unit}, not {self.lasts[task]}"

    def derive(self, rng: random.Random) -> Iterator[Deduction]:
        yield from (self._step(rng, task) for task in self.times)
        done, total, named_last = self.goal[1], sum(self.lasts.values()), list(self.lasts)[-1]
        last = max(self.times, key=lambda task: self.times[task][1])

        def wrong(name: str, end: int, because: str, lesson: str) -> WrongClaim:
            return WrongClaim(name, f"done {end}", because, f"all is done at {end}", lesson)

        yield Deduction(
            f"done {done}",
            phrase(rng, "[{t} ends last, at {n}|the last to end is {t}, at {n}]", t=last, n=done),
            phrase(rng, "[all is done|the job ends|everything is done] at {n}", n=done),
            (
                wrong("times added up", total, "all the times add up",
                      "What does not wait runs side by side, so times do not simply add up"),
                wrong("last in the list", self.times[named_last][1], f"{named_last} is named last",
                      "The task that ends last decides, not the one named last"),
            ),
        )  # fmt: skip

    def _step(self, rng: random.Random, task: str) -> Deduction:
        (start, end), length, waits = self.times[task], self.lasts[task], self.waits[task]
        pattern = "[{t} waits for nothing|nothing holds {t} up] and takes {n}"
        if len(waits) == 1:
            pattern = "[{t} follows {on}, which ends at {s},|{on} ends at {s}] and {t} takes {n}"
        elif waits:
            pattern = (
                "[{t} waits for {on}, which [end|are done] {ends},|{ends} [end|must end] first,] and {t} takes {n}"
            )
        ends = [f"{on} at {self.times[on][1]}" for on in waits]
        return Deduction(
            f"{task} {start}-{end}",
            phrase(rng, pattern, t=task, n=length, s=start, on=waits and listed(waits), ends=ends and listed(ends)),
            phrase(rng, "{t} [runs|goes|lasts] [{s}-{e}|from {s} to {e}]", t=task, s=start, e=end),
            tuple(self._mistakes(task)),
        )

    def _mistakes(self, task: str) -> Iterator[WrongClaim]:
        start, length = self.times[task][0], self.lasts[task]

        def wrong(name: str, begin: int, end: int, because: str, lesson: str) -> WrongClaim:
            return WrongClaim(name, f"{task} {begin}-{end}", because, f"{task} runs {begin}-{end}", lesson)

        because, lesson = f"{task} takes {length}, its first one included", "The length is the end less the start"
        yield wrong("both ends counted", start, start + length - 1, because, lesson)
        ends = {on: self.times[on][1] for on in self.waits[task]}
        if not ends:
            return
        yield wrong("wait forgotten", 0, length, f"{task} takes {length}", "It must wait for what it needs")
        early, total = min(ends, key=lambda on: ends[on]), sum(ends.values())
        because, lesson = f"{early} ends at {ends[early]}", "It waits for all of them, so the latest counts"
        yield wrong("first wait taken", ends[early], ends[early] + length, because, lesson)
        because, lesson = (
            f"what {task} waits for takes {total} together",
            "They run side by side, so only the latest end counts",
        )
        yield wrong("waits added", total, total + length, because, lesson)

    def prompt(self, rng: random.Random) -> str:
        lines = []
        for task in rng.sample(list(self.lasts), len(self.lasts)):
            on = self.waits[task]
            pattern = "{t} [takes|lasts|needs] {n}" + ("[, after| and waits for|, to follow] {on}" if on else "")
            lines.append(phrase(rng, pattern, t=task, n=self.lasts[task], on=on and listed(on)))
        question = phrase(
            rng,
            "[When is all done at the earliest?|How soon can everything be done?|"
            "After how many {unit} is all done at best?]",
            unit=self.unit,
        )
        listing = phrase(rng, "[In {unit}:|Times in {unit}:|Tasks ({unit}):] ", unit=self.unit)
        return f"{listing} {'; '.join(lines)}. {question}"
