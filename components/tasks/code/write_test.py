"""`code_write_test`: one test for a function of a package that passes as it is and notices wrong versions of it.

Either the package's tests are there and wrong versions pass them all (survivors), or its tests are left out. What is
expected is found out by executing calls, and only the environment knows the wrong versions: it tells how many a test
notices, never which or how. A wrong branch writes a test that notices none, states a value it only guessed, or forgets
what to import; each really happens and is mended.
"""

from __future__ import annotations

import random
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from components.agent.environment import Label, Observation, Oracle, OracleStep, Split, Task, make_task
from components.agent.messages import ToolCall
from components.core.errors import BadInput
from components.core.seeding import named_rng
from components.tasks.code.calls import free_names
from components.tasks.code.family import PackageFamily, read_route
from components.tasks.code.packages import definitions, is_test_file, load_package
from components.tasks.code.phrases import DOUBTS, before_look, first_failure
from components.tasks.code.routes import Look, Route, find_route
from components.tasks.code.telling import Call, Telling, load_telling
from components.tasks.code.tools import (
    EVALUATE,
    RUN_MUTANTS,
    SEARCH,
    SUBMIT,
    VIEW,
    WRITE_TEST,
    WRITE_TEST_TOOLS,
    search,
    view,
)
from components.tasks.code.writing import WriteTestEnvironment, count_versions
from components.tasks.code.written import compose

_MOST_DRAWS = 200
_MOST_CALLS = 2  # that one test is made of
_MOST_LOOKS = 3
_MISSED_SHARE = 0.2  # of draws among functions that have survivors, which are few
_SURVIVOR_SHARE = 0.6  # where a function has survivors and other wrong versions


class WriteTestFamily(PackageFamily):
    name = "code_write_test"
    tools = WRITE_TEST_TOOLS

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        rows = [row for row in load_telling() if load_package(row.package).spec.split == split]
        missed = [row for row in rows if any(version.survivor for version in row.versions)]
        for _ in range(_MOST_DRAWS):
            payload = _draw(rng, rng.choice(missed if rng.random() < _MISSED_SHARE else rows))
            if payload is not None:
                return make_task(self, seed, split, prompt=_prompt(rng, payload), tools=self.tools, payload=payload)
        raise BadInput(
            f"{self.name}: no function to ask about for seed {seed}; run `python -m scripts.find_code_calls`"
        )

    def start(self, task: Task) -> WriteTestEnvironment:
        payload = task.payload
        package = load_package(payload["package"])
        lines = package.files[payload["module"]].split("\n")
        versions = []
        for version in payload["versions"]:
            at = version["line"] - 1
            versions.append({payload["module"]: "\n".join([*lines[:at], version["new"], *lines[at + 1 :]])})
        return WriteTestEnvironment(
            tools=task.tools,
            workshop=self.workshop,
            package=package,
            suite=package.spec.suites[0],
            changed={},
            module=payload["module"],
            versions=tuple(versions),
            shows_tests=payload["shows_tests"],
        )

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        payload = task.payload
        slip = _slip(rng, payload) if wrong_branch else ""
        route = read_route(payload)
        seen = yield OracleStep(
            analysis=rng.choice(
                (
                    f"What {payload['function']} does must be read before it can be tested.",
                    f"A test of {payload['function']} has to say what it really gives.",
                )
            ),
            plan=before_look(rng, route[0]),
            call=route[0].call,
        )
        yield from self.follow(rng, route[0], route[1:], seen)
        calls = [call["expression"] for call in payload["calls"]]
        doubts = [self._doubt(rng, payload, call) for call in payload["calls"]]
        known: list[tuple[str, str]] = []
        told, label = doubts[0], _GOOD
        if slip == "foil":
            told = yield from self._try_plain_call(rng, payload)
            told, label = f"{told} {doubts[0]}", _RECOVERY
        elif slip == "guess":
            told = yield from self._guess(rng, payload, doubts[0])
            label = _RECOVERY
        at_once = bool(slip) or rng.random() < 0.5  # all calls in the first test, or one more when one was not enough
        count = f"noticed {len(payload['versions'])} of {count_versions(len(payload['versions']))}"
        while len(known) < len(calls):
            for expression in calls[len(known) : len(calls) if at_once else len(known) + 1]:
                if known and known[-1][0] != expression and not told:
                    told = f"{_gives(known[-1])} {doubts[len(known)]}"
                seen = yield OracleStep(
                    reflection=told,
                    plan=_try(rng, expression),
                    call=_call(EVALUATE.name, expression=expression),
                    label=label,
                )
                known.append((expression, seen.content))
                told, label = "", _GOOD
            text = _compose(payload, known)
            told = _gives(known[-1])
            if slip == "import":
                bare = text[text.index("def ") :]
                seen = yield _write(
                    told, rng.choice(("State that in a test.", "Write it down as a test.")), bare, "wrong"
                )
                told, label, slip = f"{first_failure(seen)[1]}. It is not imported.", _RECOVERY, ""
            seen = yield _write(told, rng.choice(("State that in a test.", "Write the test.")), text, label)
            label = _GOOD
            seen = yield OracleStep(
                reflection=f"{_passed(seen)} on the right version.",
                plan=rng.choice(("See what it notices.", "Try it on the wrong versions.")),
                call=_call(RUN_MUTANTS.name),
            )
            if len(known) < len(calls):
                told = f"It {seen.content}; more is needed. {doubts[len(known)]}"
        assert seen.content == count, "the calls were chosen to notice every version"
        yield OracleStep(
            reflection=rng.choice((f"It {seen.content}.", f"So it {seen.content}.")),
            plan=rng.choice(("Submit it.", "Hand it in.")),
            call=_call(SUBMIT.name),
        )
        yield OracleStep(
            reflection=rng.choice((f"The test of {payload['function']} is handed in.", "It is submitted.")),
            summary=f"The test of {payload['function']} {count}. " + " ".join(_gives(one) for one in known),
        )

    def _doubt(self, rng: random.Random, payload: dict[str, Any], call: dict[str, Any]) -> str:
        """What could be wrong about a line in view, and so is worth a call."""
        version = payload["versions"][call["notices"][0]]
        text = load_package(payload["package"]).files[payload["module"]].split("\n")[version["line"] - 1].strip()
        return f"Line {version['line']} reads `{text}`. " + rng.choice(DOUBTS[version["operator"]])

    def _try_plain_call(self, rng: random.Random, payload: dict[str, Any]) -> Generator[OracleStep, Observation, str]:
        """A test of a call that every version answers alike."""
        foil = payload["foil"]
        seen = yield OracleStep(
            reflection=rng.choice((f"{payload['function']} is read.", f"That is {payload['function']}.")),
            plan=rng.choice(("Begin with a plain call.", "Try a simple call first.")),
            call=_call(EVALUATE.name, expression=foil),
        )
        known = foil, seen.content
        seen = yield _write(_gives(known), "State that in a test.", _compose(payload, [known]), "wrong")
        seen = yield OracleStep(
            reflection=f"{_passed(seen)} on the right version.",
            plan=rng.choice(("See what it notices.", "Try it on the wrong versions.")),
            call=_call(RUN_MUTANTS.name),
        )
        return f"It {seen.content}: `{foil}` does not get at the difference."

    def _guess(
        self, rng: random.Random, payload: dict[str, Any], doubt: str
    ) -> Generator[OracleStep, Observation, str]:
        """A test that states a value nobody has seen."""
        call = payload["calls"][0]
        text = _compose(payload, [(call["expression"], call["mistaken"])])
        plan = rng.choice(("Write what it ought to give.", "State what I expect of it."))
        seen = yield _write(doubt, plan, text, "wrong")
        failed, error = first_failure(seen)
        return f"{failed} fails: {error}. " + rng.choice(("The value was only a guess.", "I guessed that value."))


_GOOD: Label = "good"
_RECOVERY: Label = "recovery"


def _draw(rng: random.Random, row: Telling) -> dict[str, Any] | None:
    """Some wrong versions of a function and the calls that notice them all; None where its lines cannot be shown."""
    numbers = range(len(row.versions))
    survivors = [number for number in numbers if row.versions[number].survivor]
    others = [number for number in numbers if not row.versions[number].survivor]
    missed = bool(survivors) and (not others or rng.random() < _SURVIVOR_SHARE)
    pool = survivors if missed else others
    chosen = sorted(rng.sample(pool, min(len(pool), rng.choice((1, 1, 2, 3)))))
    package = load_package(row.package)
    files = {path: text for path, text in package.files.items() if missed or not is_test_file(path)}
    route = _route(files, row, [row.versions[number].line for number in chosen])
    if route is None:
        return None
    shown = " ".join([row.function, row.package, *(_look(files, look) for look in route)])
    seen = set(re.findall(r"\w+", shown))
    usable = [call for call in row.calls if free_names(call.expression)]
    usable = [call for call in usable if set(free_names(call.expression)) <= seen]  # what nobody saw nobody calls
    cover = _cover(rng, usable, chosen)
    chosen = [number for number in chosen if any(number in call.notices for call in cover)]
    if not chosen:
        return None
    foils = [call.expression for call in usable if not set(call.notices) & set(chosen)]
    calls = [
        {**asdict(call), "notices": [chosen.index(number) for number in call.notices if number in chosen]}
        for call in cover
    ]
    return {
        "package": row.package,
        "module": row.module,
        "function": row.function,
        "versions": [asdict(row.versions[number]) for number in chosen],
        "calls": calls,
        "foil": rng.choice(foils) if foils else None,
        "route": [asdict(look) for look in route],
        "shows_tests": missed,
        "split_group": row.package,
        "licence": package.spec.licence,
        "source_uri": package.spec.source_uri,
    }


def _cover(rng: random.Random, calls: Sequence[Call], chosen: Sequence[int]) -> list[Call]:
    """Few calls that notice the chosen versions between them, as far as a few can."""
    left, cover = set(chosen), list[Call]()
    while left and len(cover) < _MOST_CALLS:
        best = max((len(left & set(call.notices)) for call in calls), default=0)
        if not best:
            break
        cover.append(rng.choice([call for call in calls if len(left & set(call.notices)) == best]))
        left -= set(cover[-1].notices)
    return cover


def _route(files: dict[str, str], row: Telling, lines: Sequence[int]) -> Route | None:
    """Looks that bring all the lines into view, from the function's name."""
    function = next(found for found in definitions(files[row.module]) if found.qualname == row.function)
    words = row.function.removesuffix(".__init__")
    routes = [find_route(files, words, row.module, function, line) for line in lines]
    known = [route for route in routes if route is not None and len(route) <= _MOST_LOOKS]
    for route in sorted(known, key=len, reverse=True):
        shown = "\n".join(_look(files, look) for look in route if look.tool == VIEW.name)
        if all(re.search(rf"^{line} ", shown, re.MULTILINE) for line in lines):
            return route
    return None


def _look(files: Mapping[str, str], look: Look) -> str:
    """What a look shows."""
    return (search if look.tool == SEARCH.name else view)(files, **look.arguments).content


def _prompt(rng: random.Random, payload: dict[str, Any]) -> str:
    count, function = len(payload["versions"]), f"{payload['function']} ({payload['module']})"
    versions = count_versions(count)
    if payload["shows_tests"]:
        return rng.choice(
            (
                f"The tests of {payload['package']} miss something about {function}: {versions} of it "
                f"{'passes' if count == 1 else 'pass'} them. Write one test that passes now and notices "
                f"{'it' if count == 1 else 'them all'}.",
                f"{versions.capitalize()} of {function} would get through the tests of {payload['package']}. "
                "Write the test that is missing; it must pass on the right version.",
            )
        )
    return rng.choice(
        (
            f"{payload['package']} lies here without its tests. Write one test of {function} that passes now and "
            f"notices {versions}.",
            f"Write a test of {function} in {payload['package']}: it passes on the code as it is and on none of "
            f"{versions} kept aside.",
        )
    )


def _slip(rng: random.Random, payload: dict[str, Any]) -> str:
    """Which wrong way: a call that tells nothing apart, a guessed value, a forgotten import."""
    ways = ["import"] + ["foil"] * 4 * (payload["foil"] is not None)
    ways += ["guess"] * 3 * (payload["calls"][0]["mistaken"] is not None)
    return rng.choice(ways)


def _compose(payload: dict[str, Any], known: Sequence[tuple[str, str]]) -> str:
    function = payload["function"].removesuffix(".__init__").rpartition(".")[2]
    return compose(load_package(payload["package"]), payload["module"], function.strip("_").lower(), known)


def _call(name: str, **arguments: str) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


def _write(reflection: str, plan: str, text: str, label: Label) -> OracleStep:
    return OracleStep(reflection=reflection, plan=plan, call=_call(WRITE_TEST.name, text=text), label=label)


def _try(rng: random.Random, expression: str) -> str:
    return rng.choice((f"See what `{expression}` gives.", f"Try `{expression}`.", f"Evaluate `{expression}`."))


def _gives(known: tuple[str, str]) -> str:
    expression, shown = known
    return f"`{expression}` {shown}." if shown.startswith("raises ") else f"`{expression}` gives {shown}."


def _passed(seen: Observation) -> str:
    """`1 passed`, as the run says."""
    return seen.content.partition(": ")[2]
