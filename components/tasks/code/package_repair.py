"""`code_package_repair`: a real package with one fault, to be found and repaired until its own tests pass.

The issue names a symptom, never the place. Reproduce, look, edit, run again, submit; the environment judges what was
submitted by the original tests. A mistake edits another line of the same function (or the right one wrongly), runs the
test, sees it still fail and takes the edit back; or it quotes a line inexactly, or asks for a test that does not exist.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass

from components.agent.environment import Observation, Split, Task, make_task
from components.agent.messages import ToolCall
from components.tasks.code.family import Fault, FaultFamily, edit_text, find, first_run, run_call
from components.tasks.code.operators import mutations
from components.tasks.code.packages import load_package, named_tests
from components.tasks.code.report import depends_on_addresses
from components.tasks.code.tools import EDIT, REVERT, RUN_TESTS, SEARCH, SUBMIT, VIEW
from components.tasks.code.wording import counts, describe_failure, describe_fault, first_failure
from components.tasks.kit.oracle import Answer, Mistake, Moves, Player, Turn
from components.tasks.kit.wording import phrase

# By a draw below 1, how an issue names its fault: a test that does not exist, the failed test, its error, its file.
_STALE_TEST_BELOW, _TEST_BELOW, _ERROR_BELOW = 0.08, 0.43, 0.7
# By a draw below 1, the mistake: an unknown test, an inexact quotation, a wrong edit.
_UNKNOWN_BELOW, _INEXACT_BELOW = 0.15, 0.35
_SAME_LINE_SHARE = 0.5  # of wrong edits, where the line has others
_ONE_TEST_FIRST_SHARE = 0.25
_MOST_ERROR_CHARACTERS = 90
_MOST_WRONG_EDITS = 4


@dataclass(frozen=True, kw_only=True)
class WrongEdit:
    """An edit of a line that leaves the test failing; `old` and `new` are the text replaced."""

    line: int
    shown: str
    old: str
    new: str


class PackageRepairFamily(FaultFamily):
    name = "code_package_repair"

    def wants(self, fault: Fault, rng: random.Random) -> bool:
        return True

    def sample(self, seed: int, split: Split) -> Task:
        rng, fault = self.draw_fault(seed, split)
        draw, asked = rng.random(), None
        if draw < _STALE_TEST_BELOW:  # whoever wrote the issue got the name wrong
            asked = _unknown_name(rng, fault, fault.failed)
        elif draw < _TEST_BELOW:
            asked = fault.failed
        if asked is not None:
            pattern = "[{asked} of {package} fails. Mend {package}.|Fix {package}: {asked} is red.]"
        elif 0 < len(fault.error) <= _MOST_ERROR_CHARACTERS and draw < _ERROR_BELOW:
            pattern = (
                "[Since the last change {package} goes wrong: {error}. Fix it; the tests are right."
                "|{package} has a bug. Somebody saw: {error}. Please mend the package.]"
            )
        else:
            pattern = (
                "[Tests in {tests} fail. Find the fault in {package} and mend it."
                "|{package} no longer passes {tests}. Repair the package, not the tests."
                "|A change broke {package}. Its tests ({tests}) tell. Fix it.]"
            )
        prompt = phrase(rng, pattern, asked=asked, package=fault.package, error=fault.error, tests=fault.tests)
        tools = (RUN_TESTS, SEARCH, VIEW, EDIT, REVERT, SUBMIT)
        return make_task(self, seed, split, prompt=prompt, tools=tools, payload={**fault.payload(), "asked": asked})

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        fault = Fault.of(task)
        mistake = self._mistake(rng, fault) if wrong_branch else None
        seen = yield from _reproduce(rng, fault, task.payload["asked"], mistaken=mistake == "unknown test")
        yield from find(rng, fault.route, seen)
        text = describe_fault(rng, fault.operator, fault.line, fault.broken.strip())
        old, new = fault.edit
        if isinstance(mistake, WrongEdit):
            yield from _try_wrong_edit(rng, fault, mistake)
            text = f"{phrase(rng, '[It is as before.|Back to the start.|Look again.]')} {text}"
        elif mistake == "inexact quotation":
            seen = yield Mistake(
                name=mistake,
                text=text,
                plan=_plan_edit(rng, new),
                call=_edit_call(fault, _inexact(old), new),
                shows=lambda seen: seen.status == "error",
            )
            pattern = "[The text must be exact: {seen}.|I did not quote it exactly: {seen}.]"
            text = phrase(rng, pattern, seen=seen.content)
        yield Turn(text=text, plan=_plan_edit(rng, new), call=_edit_call(fault, old, new))
        slots = {"now": fault.right.strip(), "line": fault.line, "module": fault.module, "function": fault.function}
        text = phrase(rng, "[Line {line} reads `{now}` now.|{module} is edited.]", **slots)
        if rng.random() < _ONE_TEST_FIRST_SHARE:
            plan = phrase(rng, "[Run {failed} alone first.|First {failed}.]", failed=fault.failed)
            seen = yield Turn(text=text, plan=plan, call=run_call(fault.failed))
            text = phrase(rng, "[{failed}: {counts}.|That gives {counts}.]", failed=fault.failed, counts=counts(seen))
        plan = phrase(rng, "[Run all tests.|Now the whole file.|See whether everything passes.]")
        seen = yield Turn(text=text, plan=plan, call=run_call())
        passed = counts(seen)
        yield Turn(
            text=phrase(rng, "[The tests say {passed}.|Now {passed}.]", passed=passed),
            plan=phrase(rng, "[Submit it.|Hand it in.]"),
            call=ToolCall(name=SUBMIT.name, arguments={}),
        )
        return Answer(
            text=phrase(rng, "[The diff holds that one line of {module}.|Only {module} differs.]", **slots),
            summary=phrase(
                rng,
                "[Fixed {function} in {module}: `{now}`. {passed}.|{module}: {function} has `{now}`; {passed}.]",
                passed=passed,
                **slots,
            ),
        )

    def _mistake(self, rng: random.Random, fault: Fault) -> str | WrongEdit:
        draw = rng.random()
        if draw < _UNKNOWN_BELOW:
            return "unknown test"
        if draw < _INEXACT_BELOW and _inexact(fault.edit[0]) != fault.edit[0]:
            return "inexact quotation"
        return self._wrong_edit(rng, fault) or "unknown test"

    def _wrong_edit(self, rng: random.Random, fault: Fault) -> WrongEdit | None:
        """An edit of a line in view that really leaves the test failing."""
        files, source = load_package(fault.package).files, fault.source
        view = fault.route[-1].arguments
        found = [
            mutation
            for mutation in mutations(source, fault.function)
            if view["first"] <= mutation.line <= view["last"]
            and (mutation.line, mutation.new) != (fault.line, fault.right)
        ]
        here = [mutation for mutation in found if mutation.line == fault.line]
        if here and rng.random() < _SAME_LINE_SHARE:
            found = here
        for mutation in rng.sample(found, min(_MOST_WRONG_EDITS, len(found))):
            edit = edit_text(source, mutation.line, mutation.new)
            if edit is None:
                continue
            changed = {**files, fault.module: mutation.apply(source)}
            report = self.runner.test(changed, fault.tests, (fault.failed,))
            if report.broke and report.failed and not any(map(depends_on_addresses, report.errors)):
                return WrongEdit(line=mutation.line, shown=mutation.old.strip(), old=edit[0], new=edit[1])
        return None


def _reproduce(
    rng: random.Random, fault: Fault, asked: str | None, *, mistaken: bool
) -> Generator[Turn | Mistake, Observation, Observation]:
    """Run what was asked, and all tests where that does not exist; returns the failed run."""
    if mistaken:
        guess = _unknown_name(rng, fault, asked) if asked else f"test_{fault.package}"
        turn = first_run(rng, fault.package, guess)
        seen = yield Mistake(
            name="unknown test",
            text=turn.text,
            plan=turn.plan,
            call=turn.call,
            shows=lambda seen: seen.status == "error",
        )
        pattern = "[That name was a guess: {seen}.|I guessed the name: {seen}.]"
    else:
        seen = yield first_run(rng, fault.package, asked)
        if seen.status != "error":
            return seen
        pattern = "[The issue has the name wrong: {seen}.|It is not called that: {seen}.]"
    text = phrase(rng, pattern, seen=seen.content)
    return (yield Turn(text=text, plan="Run them all.", call=run_call()))


def _try_wrong_edit(rng: random.Random, fault: Fault, edit: WrongEdit) -> Moves:
    """Edit, run the test, see it fail, take the edit back."""
    slots = {"line": edit.line, "shown": edit.shown}
    yield Mistake(
        name="wrong edit",
        text=phrase(rng, "[Maybe line {line}: `{shown}`.|Line {line} looks odd: `{shown}`.]", **slots),
        plan=_plan_edit(rng, edit.new),
        call=_edit_call(fault, edit.old, edit.new),
    )
    seen = yield Turn(
        text=phrase(rng, "[Line {line} is changed.|A guess at line {line}.]", **slots),
        plan=phrase(rng, "[Test it.|See if it helps.]"),
        call=run_call(fault.failed),
        reveals=True,
    )
    failed, error = first_failure(seen)
    assert failed, "a wrong edit leaves the test failing"
    described = rng.choice((f"{failed} still fails: {error}", describe_failure(rng, seen)))
    comment = phrase(rng, "[That did not help.|My edit is no cure.|So it was not that.]")
    yield Turn(
        text=f"{described} {comment}",
        plan=phrase(rng, "[Take it back.|Undo the edit.]"),
        call=ToolCall(name=REVERT.name, arguments={}),
    )


def _plan_edit(rng: random.Random, new: str) -> str:
    return phrase(rng, "[Make it `{now}`.|Write `{now}`.|It should read `{now}`.]", now=new.splitlines()[-1].strip())


def _edit_call(fault: Fault, old: str, new: str) -> ToolCall:
    return ToolCall(name=EDIT.name, arguments={"path": fault.module, "old": old, "new": new})


def _inexact(text: str) -> str:
    """The text as somebody quotes it who does not look closely: spaces around signs forgotten."""
    return text.replace(", ", ",").replace(" = ", "=").replace(" == ", "==")


def _unknown_name(rng: random.Random, fault: Fault, test: str) -> str:
    """A name close to the test's that no test of the suite has."""
    name = test.rpartition("::")[2]
    known = {one.rpartition("::")[2] for one in named_tests(load_package(fault.package).files[fault.tests])}
    candidates = [f"{name}s", f"{name}_works", name.removeprefix("test_"), f"{name}_1", f"{name}_basic"]
    return rng.choice([candidate for candidate in candidates if candidate not in known])
