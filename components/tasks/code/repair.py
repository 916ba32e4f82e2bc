"""`code_package_repair`: a real package with one fault, to be found and mended until its own tests pass.

The issue names a symptom, never the place. Reproduce, look, edit, run again, submit; the environment judges what was
submitted by the original tests. A wrong branch edits another line of the same function (or the right one wrongly),
runs the test, sees it fail still and takes the edit back; or it quotes a line inexactly, or asks for a test that does
not exist, and mends that.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

from components.agent.environment import Label, Observation, Oracle, OracleStep, Split, Task, make_task
from components.agent.messages import ToolCall
from components.tasks.code.family import PackageFamily, broken_source, edit_text, open_run, read_route, run_call
from components.tasks.code.operators import mutations
from components.tasks.code.packages import load_package, named_tests
from components.tasks.code.phrases import counts, first_failure, found_fault, tell_failure
from components.tasks.code.report import read_report, tells_places_in_memory
from components.tasks.code.tools import EDIT, REPAIR_TOOLS, REVERT, SUBMIT

_ASKED_TEST_SHARE = 0.35
_STALE_TEST_SHARE = 0.08
_ONE_TEST_FIRST_SHARE = 0.25
_MOST_WRONG_EDITS = 4


class PackageRepairFamily(PackageFamily):
    name = "code_package_repair"
    tools = REPAIR_TOOLS

    def sample(self, seed: int, split: Split) -> Task:
        rng, case = self.draw_case(seed, split)
        payload = self.payload(case)
        failed, tests, package = payload["failed"], payload["tests"], payload["package"]
        error = case.report.errors[0] if case.report.errors and len(case.report.errors[0]) <= 90 else None
        payload["asked"] = None
        draw = rng.random()
        if draw < _STALE_TEST_SHARE:  # whoever wrote the issue got the name wrong
            payload["asked"] = asked = unknown_name(rng, failed, named_tests(case.mutant.origin.files[tests]))
            prompt = rng.choice((f"{asked} of {package} fails. Mend {package}.", f"Fix {package}: {asked} is red."))
        elif draw < _STALE_TEST_SHARE + _ASKED_TEST_SHARE:
            payload["asked"] = failed
            prompt = rng.choice((f"{failed} of {package} fails. Mend {package}.", f"Fix {package}: {failed} is red."))
        elif error and draw < 0.7:
            prompt = rng.choice(
                (
                    f"Since the last change {package} goes wrong: {error}. Fix it; the tests are right.",
                    f"{package} has a bug. Somebody saw: {error}. Please mend the package.",
                )
            )
        else:
            prompt = rng.choice(
                (
                    f"Tests in {tests} fail. Find the fault in {package} and mend it.",
                    f"{package} no longer passes {tests}. Repair the package, not the tests.",
                    f"A change broke {package}. Its tests ({tests}) tell. Fix it.",
                )
            )
        return make_task(self, seed, split, prompt=prompt, tools=self.tools, payload=payload)

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        payload = task.payload
        branch = self._wrong_branch(rng, payload) if wrong_branch else None
        seen = yield from self._reproduce(rng, payload, branch)
        yield from self.find(rng, read_route(payload), seen)
        reflection = found_fault(rng, payload["operator"], payload["line"], payload["broken"].strip())
        label: Label = "good"
        if isinstance(branch, tuple):
            yield from self._try_wrong_edit(rng, payload, branch)
            reflection = rng.choice(("It is as before. ", "Back to the start. ", "Look again. ")) + reflection
        elif branch == "inexact":
            old, new = payload["edit"]
            seen = yield edit_step(rng, payload["module"], reflection, (inexact(old), new), "wrong")
            reflection = rng.choice(("The text must be exact: {}.", "I did not quote it exactly: {}.")).format(
                seen.content
            )
            label = "recovery"
        yield edit_step(rng, payload["module"], reflection, tuple(payload["edit"]), label)
        now = payload["right"].strip()
        reflection = rng.choice((f"Line {payload['line']} reads `{now}` now.", f"{payload['module']} is edited."))
        if rng.random() < _ONE_TEST_FIRST_SHARE:
            failed = payload["failed"]
            plan = rng.choice((f"Run {failed} alone first.", f"First {failed}."))
            seen = yield OracleStep(reflection=reflection, plan=plan, call=run_call(failed))
            reflection = rng.choice((f"{failed}: {counts(seen)}.", f"That gives {counts(seen)}."))
        plan = rng.choice(("Run all tests.", "Now the whole file.", "See whether everything passes."))
        seen = yield OracleStep(reflection=reflection, plan=plan, call=run_call(None))
        passed = counts(seen)
        yield OracleStep(
            reflection=rng.choice((f"The tests say {passed}.", f"Now {passed}.")),
            plan=rng.choice(("Submit it.", "Hand it in.")),
            call=ToolCall(name=SUBMIT.name, arguments={}),
        )
        function, module = payload["function"], payload["module"]
        yield OracleStep(
            reflection=rng.choice((f"The diff holds that one line of {module}.", f"Only {module} differs.")),
            summary=rng.choice(
                (
                    f"Fixed {function} in {module}: `{now}`. {passed}.",
                    f"{module}: {function} has `{now}`; {passed}.",
                )
            ),
        )

    def _reproduce(
        self, rng: random.Random, payload: dict[str, Any], branch: object
    ) -> Generator[OracleStep, Observation, Observation]:
        """Run what was asked, and the right thing where that does not exist."""
        asked = payload["asked"]
        if branch == "unknown":
            known = named_tests(load_package(payload["package"]).files[payload["tests"]])
            guess = unknown_name(rng, asked, known) if asked else f"test_{payload['package']}"
            step = open_run(rng, payload, guess)
            seen = yield OracleStep(analysis=step.analysis, plan=step.plan, call=step.call, label="wrong")
            said = rng.choice(("That name was a guess: {}.", "I guessed the name: {}.")).format(seen.content)
            return (yield OracleStep(reflection=said, plan="Run them all.", call=run_call(None), label="recovery"))
        seen = yield open_run(rng, payload, asked)
        if seen.status == "error":  # the issue names a test that is not there
            said = rng.choice(("The issue has the name wrong: {}.", "It is not called that: {}.")).format(seen.content)
            seen = yield OracleStep(reflection=said, plan="Run them all.", call=run_call(None))
        return seen

    def _try_wrong_edit(
        self, rng: random.Random, payload: dict[str, Any], edit: tuple[int, str, tuple[str, str]]
    ) -> Generator[OracleStep, Observation, None]:
        line, shown, texts = edit
        suspect = rng.choice((f"Maybe line {line}: `{shown}`.", f"Line {line} looks odd: `{shown}`."))
        yield edit_step(rng, payload["module"], suspect, texts, "wrong")
        seen = yield OracleStep(
            reflection=rng.choice((f"Line {line} is changed.", f"A guess at line {line}.")),
            plan=rng.choice(("Test it.", "See if it helps.")),
            call=run_call(payload["failed"]),
        )
        failed, error = first_failure(seen)
        assert failed, "a wrong edit leaves the test failing"
        told = rng.choice((f"{failed} still fails: {error}", tell_failure(rng, seen)))
        yield OracleStep(
            reflection=f"{told} " + rng.choice(("That did not help.", "My edit is no cure.", "So it was not that.")),
            plan=rng.choice(("Take it back.", "Undo the edit.")),
            call=ToolCall(name=REVERT.name, arguments={}),
            label="recovery",
        )

    def _wrong_branch(self, rng: random.Random, payload: dict[str, Any]) -> str | tuple[int, str, tuple[str, str]]:
        """A wrong edit that really leaves the test failing, or another slip: `inexact`, `unknown`."""
        draw = rng.random()
        if draw < 0.15:
            return "unknown"
        old = payload["edit"][0]
        if draw < 0.35 and inexact(old) != old:
            return "inexact"
        return self._wrong_edit(rng, payload) or "unknown"

    def _wrong_edit(self, rng: random.Random, payload: dict[str, Any]) -> tuple[int, str, tuple[str, str]] | None:
        package, source = load_package(payload["package"]), broken_source(payload)
        visible = read_route(payload)[-1].arguments
        found = [
            mutation
            for mutation in mutations(source, payload["function"])
            if visible["first"] <= mutation.line <= visible["last"]
            and (mutation.line, mutation.new) != (payload["line"], payload["right"])
        ]
        here = [mutation for mutation in found if mutation.line == payload["line"]]
        if here and rng.random() < 0.5:  # the right line, wrongly mended; else any
            found = here
        for mutation in rng.sample(found, min(_MOST_WRONG_EDITS, len(found))):
            texts = edit_text(source, mutation.line, mutation.new)
            changed = {payload["module"]: mutation.apply(source)}
            if texts is not None:
                report = read_report(self.workshop.test(package, changed, payload["tests"], (payload["failed"],)))
                if report.broke and report.failed and not any(map(tells_places_in_memory, report.errors)):
                    return mutation.line, mutation.old.strip(), texts
        return None


def edit_step(rng: random.Random, path: str, reflection: str, texts: tuple[str, str], label: Label) -> OracleStep:
    old, new = texts
    now = new.splitlines()[-1].strip()
    return OracleStep(
        reflection=reflection,
        plan=rng.choice((f"Make it `{now}`.", f"Write `{now}`.", f"It should read `{now}`.")),
        call=ToolCall(name=EDIT.name, arguments={"path": path, "old": old, "new": new}),
        label=label,
    )


def inexact(text: str) -> str:
    """The text as somebody quotes it who does not look closely: spaces around signs forgotten."""
    return text.replace(", ", ",").replace(" = ", "=").replace(" == ", "==")


def unknown_name(rng: random.Random, test: str, known: tuple[str, ...]) -> str:
    """A name close to the test's that no test has."""
    name = test.rpartition("::")[2]
    bare = {one.rpartition("::")[2] for one in known}
    candidates = [f"{name}s", f"{name}_works", name.removeprefix("test_"), f"{name}_1", f"{name}_basic"]
    return rng.choice([candidate for candidate in candidates if candidate not in bare])
