"""`code_write_test`: one test for a function of a package that passes as it is and notices wrong versions of it.

Either the package's tests are there and wrong versions pass them all (survivors), or its tests are left out. What is
expected is found out by executing calls. A mistake writes a test that notices nothing, states a value it only guessed,
or forgets an import.
"""

from __future__ import annotations

import random
import re
from collections.abc import Generator, Sequence
from dataclasses import asdict, replace
from typing import Any

from components.agent.environment import Observation, Split, Task, make_task
from components.agent.messages import ToolCall, ToolSpec
from components.core.errors import BadInput
from components.core.seeding import named_rng
from components.tasks.code.evaluation import free_names
from components.tasks.code.family import CodeFamily, follow, read_route
from components.tasks.code.packages import definitions, is_test_file, load_package, with_line
from components.tasks.code.routes import Route, find_route, shows_line
from components.tasks.code.tools import EVALUATE, RUN_MUTANTS, SEARCH, SUBMIT, VIEW, WRITE_TEST
from components.tasks.code.wording import describe_doubt, first_failure, plan_look
from components.tasks.code.written_tests import RAISES, WriteTestEnvironment, compose, count_versions
from components.tasks.code.wrong_versions import KnownCall, VersionedFunction, load_wrong_versions
from components.tasks.kit.oracle import Answer, Mistake, Player, Turn
from components.tasks.kit.wording import phrase

_MOST_DRAWS = 200
_MOST_CALLS = 2  # that one test is made of
_MOST_LOOKS = 3
_SURVIVED_SHARE = 0.2  # of draws among functions that have survivors, which are few
_SURVIVOR_SHARE = 0.6  # where a function has survivors and other wrong versions
_AT_ONCE_SHARE = 0.5  # of good ways whose first test holds all calls
# Mistakes, by weight: a test of a call that every version answers alike, a guessed value, a forgotten import.
_MISTAKES = {"forgotten import": 1, "plain call": 4, "guessed value": 3}

Shown = tuple[str, str]  # an expression and what it showed


class WriteTestFamily(CodeFamily):
    name = "code_write_test"

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        rows = [row for row in load_wrong_versions() if load_package(row.package).spec.split == split]
        survived = [row for row in rows if any(version.survivor for version in row.versions)]
        tools = (SEARCH, VIEW, EVALUATE, WRITE_TEST, RUN_MUTANTS, SUBMIT)
        for _ in range(_MOST_DRAWS):
            payload = _draw(rng, rng.choice(survived if rng.random() < _SURVIVED_SHARE else rows))
            if payload is not None:
                return make_task(self, seed, split, prompt=_prompt(rng, payload), tools=tools, payload=payload)
        raise BadInput(
            f"{self.name}: no function to ask about for seed {seed}; run `python -m scripts.find_code_calls`"
        )

    def start(self, task: Task) -> WriteTestEnvironment:
        payload = task.payload
        package, module = load_package(payload["package"]), payload["module"]
        return WriteTestEnvironment(
            tools=task.tools,
            runner=self.runner,
            package=package,
            suite=package.spec.suites[0],
            changed={},
            module=module,
            versions=tuple(
                {module: with_line(package.files[module], version["line"], version["new"])}
                for version in payload["versions"]
            ),
            shows_tests=payload["shows_tests"],
        )

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        payload = task.payload
        function, route = payload["function"], read_route(payload["route"])
        mistake = _draw_mistake(rng, payload) if wrong_branch else ""
        seen = yield Turn(
            text=phrase(
                rng,
                "[What {function} does must be read before it can be tested."
                "|A test of {function} has to say what it really gives.]",
                function=function,
            ),
            plan=plan_look(rng, route[0]),
            call=route[0].call,
        )
        yield from follow(rng, route, seen)
        calls = [call["expression"] for call in payload["calls"]]
        doubts = [_doubt(rng, payload, call) for call in payload["calls"]]
        text = doubts[0]
        if mistake == "plain call":
            text = yield from _try_plain_call(rng, payload)
            text += f" {doubts[0]}"
        elif mistake == "guessed value":
            text = yield from _guess(rng, payload, doubts[0])
        at_once = bool(mistake) or rng.random() < _AT_ONCE_SHARE
        known: list[Shown] = []
        for batch in [calls] if at_once else [[call] for call in calls]:
            for expression in batch:
                text = text or f"{_describe(known[-1])} {doubts[len(known)]}"
                plan = phrase(rng, "[See what `{call}` gives.|Try `{call}`.|Evaluate `{call}`.]", call=expression)
                seen = yield Turn(text=text, plan=plan, call=_call(EVALUATE, expression=expression))
                known.append((expression, seen.content))
                text = ""
            test, text = _compose(payload, known), _describe(known[-1])
            if mistake == "forgotten import":
                plan = phrase(rng, "[State that in a test.|Write it down as a test.]")
                bare = _call(WRITE_TEST, text=test[test.index("def ") :])
                seen = yield Mistake(name=mistake, text=text, plan=plan, call=bare, shows=_fails)
                text = f"{first_failure(seen)[1]}. It is not imported."
            plan = phrase(rng, "[State that in a test.|Write the test.]")
            seen = yield Turn(text=text, plan=plan, call=_call(WRITE_TEST, text=test))
            seen = yield _run_mutants(rng, seen)
            if len(known) < len(calls):
                text = f"It {seen.content}; more is needed. {doubts[len(known)]}"
        count = f"noticed {len(payload['versions'])} of {count_versions(len(payload['versions']))}"
        assert seen.content == count, "the calls were chosen to notice every version"
        yield Turn(
            text=phrase(rng, "[It {count}.|So it {count}.]", count=count),
            plan=phrase(rng, "[Submit it.|Hand it in.]"),
            call=_call(SUBMIT),
        )
        return Answer(
            text=phrase(rng, "[The test of {function} is handed in.|It is submitted.]", function=function),
            summary=f"The test of {function} {count}. " + " ".join(map(_describe, known)),
        )


def _try_plain_call(rng: random.Random, payload: dict[str, Any]) -> Generator[Turn | Mistake, Observation, str]:
    """A test of a call that every version answers alike; returns the text of the recovery."""
    call, function = payload["plain_call"], payload["function"]
    seen = yield Turn(
        text=phrase(rng, "[{function} is read.|That is {function}.]", function=function),
        plan=phrase(rng, "[Begin with a plain call.|Try a simple call first.]"),
        call=_call(EVALUATE, expression=call),
    )
    known = call, seen.content
    test = _call(WRITE_TEST, text=_compose(payload, [known]))
    seen = yield Mistake(name="plain call", text=_describe(known), plan="State that in a test.", call=test)
    seen = yield replace(_run_mutants(rng, seen), reveals=True)
    return f"It {seen.content}: `{call}` does not get at the difference."


def _guess(rng: random.Random, payload: dict[str, Any], doubt: str) -> Generator[Turn | Mistake, Observation, str]:
    """A test that states a value nobody has seen; returns the text of the recovery."""
    call = payload["calls"][0]
    test = _call(WRITE_TEST, text=_compose(payload, [(call["expression"], call["mistaken"])]))
    plan = phrase(rng, "[Write what it ought to give.|State what I expect of it.]")
    seen = yield Mistake(name="guessed value", text=doubt, plan=plan, call=test, shows=_fails)
    failed, error = first_failure(seen)
    return f"{failed} fails: {error}. " + phrase(rng, "[The value was only a guess.|I guessed that value.]")


def _run_mutants(rng: random.Random, seen: Observation) -> Turn:
    return Turn(
        text=f"{seen.content.partition(': ')[2]} on the right version.",
        plan=phrase(rng, "[See what it notices.|Try it on the wrong versions.]"),
        call=_call(RUN_MUTANTS),
    )


def _fails(seen: Observation) -> bool:
    return first_failure(seen)[0] != ""


def _doubt(rng: random.Random, payload: dict[str, Any], call: dict[str, Any]) -> str:
    """What could be wrong about a line in view, and so is worth a call."""
    version = payload["versions"][call["notices"][0]]
    line = load_package(payload["package"]).files[payload["module"]].split("\n")[version["line"] - 1].strip()
    return describe_doubt(rng, version["operator"], version["line"], line)


def _compose(payload: dict[str, Any], known: Sequence[Shown]) -> str:
    function = payload["function"].removesuffix(".__init__").rpartition(".")[2]
    return compose(load_package(payload["package"]), payload["module"], function.strip("_").lower(), known)


def _call(tool: ToolSpec, **arguments: str) -> ToolCall:
    return ToolCall(name=tool.name, arguments=arguments)


def _describe(known: Shown) -> str:
    expression, shown = known
    return f"`{expression}` {shown}." if shown.startswith(RAISES) else f"`{expression}` gives {shown}."


def _draw_mistake(rng: random.Random, payload: dict[str, Any]) -> str:
    possible = {
        "forgotten import": True,
        "plain call": payload["plain_call"] is not None,
        "guessed value": payload["calls"][0]["mistaken"] is not None,
    }
    return rng.choice([name for name, weight in _MISTAKES.items() if possible[name] for _ in range(weight)])


def _draw(rng: random.Random, row: VersionedFunction) -> dict[str, Any] | None:
    """Some wrong versions of a function and the calls that notice them all; None where its lines cannot be shown."""
    numbers = range(len(row.versions))
    survivors = [number for number in numbers if row.versions[number].survivor]
    others = [number for number in numbers if not row.versions[number].survivor]
    survived = bool(survivors) and (not others or rng.random() < _SURVIVOR_SHARE)
    pool = survivors if survived else others
    chosen = sorted(rng.sample(pool, min(len(pool), rng.choice((1, 1, 2, 3)))))
    package = load_package(row.package)
    files = {path: text for path, text in package.files.items() if survived or not is_test_file(path)}
    route = _route(files, row, [row.versions[number].line for number in chosen])
    if route is None:
        return None
    shown = " ".join([row.function, row.package, *(look.show(files) for look in route)])
    words = set(re.findall(r"\w+", shown))
    usable = [call for call in row.calls if free_names(call.expression)]
    usable = [call for call in usable if set(free_names(call.expression)) <= words]  # what nobody saw nobody calls
    cover = _cover(rng, usable, chosen)
    chosen = [number for number in chosen if any(number in call.notices for call in cover)]
    if not chosen:
        return None
    plain = [call.expression for call in usable if not set(call.notices) & set(chosen)]
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
        "plain_call": rng.choice(plain) if plain else None,
        "route": [asdict(look) for look in route],
        "shows_tests": survived,
        "licence": package.spec.licence,
        "source_uri": package.spec.source_uri,
    }


def _cover(rng: random.Random, calls: Sequence[KnownCall], chosen: Sequence[int]) -> list[KnownCall]:
    """Few calls that notice the chosen versions between them, as far as a few can."""
    left, cover = set(chosen), list[KnownCall]()
    while left and len(cover) < _MOST_CALLS:
        best = max((len(left & set(call.notices)) for call in calls), default=0)
        if not best:
            break
        cover.append(rng.choice([call for call in calls if len(left & set(call.notices)) == best]))
        left -= set(cover[-1].notices)
    return cover


def _route(files: dict[str, str], row: VersionedFunction, lines: Sequence[int]) -> Route | None:
    """Looks that bring all the lines into view, from the function's name."""
    function = next(found for found in definitions(files[row.module]) if found.qualname == row.function)
    words = row.function.removesuffix(".__init__")
    routes = [find_route(files, words, row.module, function, line) for line in lines]
    known = [route for route in routes if route is not None and len(route) <= _MOST_LOOKS]
    for route in sorted(known, key=len, reverse=True):
        shown = "\n".join(look.show(files) for look in route if look.tool == VIEW.name)
        if all(shows_line(shown, line) for line in lines):
            return route
    return None


def _prompt(rng: random.Random, payload: dict[str, Any]) -> str:
    count = len(payload["versions"])
    pattern = (
        "[{package} lies here without its tests. Write one test of {function} that passes now and notices {versions}."
        "|Write a test of {function} in {package}: it passes on the code as it is and on none of {versions} "
        "kept aside.]"
    )
    if payload["shows_tests"]:
        pattern = (
            "[The tests of {package} miss something about {function}: {versions} of it {pass_them} them. "
            "Write one test that passes now and notices {all_of_them}."
            "|{versions} of {function} would get through the tests of {package}. "
            "Write the test that is missing; it must pass on the right version.]"
        )
    return phrase(
        rng,
        pattern,
        package=payload["package"],
        function=f"{payload['function']} ({payload['module']})",
        versions=count_versions(count),
        pass_them="passes" if count == 1 else "pass",
        all_of_them="it" if count == 1 else "them all",
    )
