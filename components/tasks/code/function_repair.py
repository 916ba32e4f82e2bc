"""Repair of a small function until its real tests pass, run by pytest in the sandbox.

Tools: `read_file`, `run_tests`, `edit` (one line of task.py, its indentation kept). What `run_tests` returns is what
pytest printed, shortened to the first failure and the counts. An answer is right when a hidden copy of the tests, with
more cases, passes on the final task.py: editing the visible tests helps nobody. Functions of the held-out split come
from templates training never sees.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from components.agent.environment import (
    Environment,
    Observation,
    Oracle,
    OracleStep,
    Split,
    Task,
    ToolEnvironment,
    make_task,
)
from components.agent.messages import ToolCall, ToolSpec
from components.core.params import Stream
from components.core.seeding import named_rng
from components.sandbox import Result
from components.tasks.code.bench import PYTEST, TestBench
from components.tasks.code.programs import Program, changed_lines, draw_program, mutants, write_tests

MODULE, TESTS = "task.py", "test_task.py"
_VISIBLE_CASES, _HIDDEN_CASES = 3, 8
# Without unittest cases pytest needs no debugger either.
_ARGUMENTS = (*PYTEST, "-pno:debugging", TESTS)
_WRONG_FIX_SHARE = 0.7
_MAX_LINE_CHARACTERS, _MAX_SHOWN_CHARACTERS = 120, 240
_NO_ARGUMENTS = {"type": "object", "properties": {}}

READ = ToolSpec(
    name="read_file",
    description="",
    parameters={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)
RUN = ToolSpec(name="run_tests", description="", parameters=_NO_ARGUMENTS)
EDIT = ToolSpec(
    name="edit",
    description=f"Set a line of {MODULE}",
    parameters={
        "type": "object",
        "properties": {"line": {"type": "integer"}, "text": {"type": "string"}},
        "required": ["line", "text"],
    },
)


def run_tests(bench: TestBench, source: str, tests: str) -> Result:
    return bench.run({MODULE: source, TESTS: tests}, _ARGUMENTS)


def passes(bench: TestBench, source: str, tests: str) -> bool:
    """Whether every test ran and passed: a skipped one, or a module that ends the run early, is no pass."""
    result = run_tests(bench, source, tests)
    return result.passed and _counts(result) == f"{tests.count('def test_')} passed"


@dataclass
class CodeEnvironment(ToolEnvironment):
    """The files of one task. Only task.py can be edited."""

    bench: TestBench = field(default_factory=TestBench)
    source: str = ""
    tests: str = ""
    hidden_tests: str = ""

    def run(self, call: ToolCall) -> Observation:
        if call.name == RUN.name:
            return show_run(run_tests(self.bench, self.source, self.tests))
        if call.name == EDIT.name:
            return self._edit(call.arguments["line"], call.arguments["text"])
        files = {MODULE: self.source, TESTS: self.tests}
        path = call.arguments["path"]
        if path not in files:
            return Observation(status="error", content=f"no file {path[:40]!r}; files: {MODULE}, {TESTS}")
        lines = enumerate(files[path].splitlines(), start=1)
        return Observation(status="ok", content="\n".join(f"{number} {line}" for number, line in lines))

    def _edit(self, number: int, text: str) -> Observation:
        lines = self.source.splitlines()
        if not 1 <= number <= len(lines):
            return Observation(status="error", content=f"no line {number}; {MODULE} has {len(lines)}")
        if len(text) > _MAX_LINE_CHARACTERS or len(text.splitlines()) > 1:
            return Observation(status="error", content=f"text must be one line of up to {_MAX_LINE_CHARACTERS} letters")
        lines[number - 1] = replace_line(lines[number - 1], text)
        self.source = "\n".join(lines) + "\n"
        return Observation(status="ok", content=f"{number} {lines[number - 1]}")

    def verify(self, answer: str) -> bool:
        """Whether the hidden tests pass on the final task.py."""
        return passes(self.bench, self.source, self.hidden_tests)


@dataclass(frozen=True, kw_only=True)
class CodeRepairFamily:
    """Fix the function so that its tests pass."""

    name: str = "code_repair"
    domain: Stream = "code"
    bench: TestBench = field(default_factory=TestBench, repr=False, compare=False)

    def sample(self, seed: int, split: Split) -> Task:
        """A program whose tests really pass, with a bug that really fails them."""
        rng = named_rng(self.name, split, seed)
        while True:
            program = draw_program(rng, split, _HIDDEN_CASES)
            tests = write_tests(program.function, program.cases[:_VISIBLE_CASES])
            broken = self._break(rng, program, tests)
            if broken is not None:
                break
        prompt = rng.choice(("Fix {0} in {1}.", "The tests of {0} fail. Repair {1}.", "{0} in {1} has a bug. Fix it."))
        return make_task(
            self,
            seed,
            split,
            prompt=prompt.format(program.function, MODULE),
            tools=(READ, RUN, EDIT),
            payload={
                "template": program.template,
                "function": program.function,
                "right": program.source,
                "broken": broken,
                "tests": tests,
                "hidden_tests": write_tests(program.function, program.cases),
            },
        )

    def _break(self, rng: random.Random, program: Program, tests: str) -> str | None:
        if len(program.cases) < _VISIBLE_CASES or not passes(self.bench, program.source, tests):
            return None
        return self._failing(rng, mutants(program.source), tests)

    def _failing(self, rng: random.Random, sources: list[str], tests: str) -> str | None:
        """One of the sources that fails its tests by an assertion or an error, within its time."""
        rng.shuffle(sources)
        return next((source for source in sources if _fails(run_tests(self.bench, source, tests))), None)

    def start(self, task: Task) -> Environment:
        payload = task.payload
        return CodeEnvironment(
            tools=task.tools,
            bench=self.bench,
            source=payload["broken"],
            tests=payload["tests"],
            hidden_tests=payload["hidden_tests"],
        )

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        payload, broken = task.payload, task.payload["broken"]
        (at,) = changed_lines(payload["right"], broken)
        old = broken.splitlines()[at - 1].strip()
        fix = payload["right"].splitlines()[at - 1].strip()
        seen = yield OracleStep(
            analysis=rng.choice(("{} is broken.", "Some test of {} fails.", "{} does not do its work.")).format(
                payload["function"]
            ),
            plan=rng.choice(("Run the tests.", "See what fails.", "Test first, then read.")),
            call=ToolCall(name=RUN.name, arguments={}),
        )
        yield OracleStep(reflection=_failure(rng, seen), call=ToolCall(name=READ.name, arguments={"path": MODULE}))
        tried = self._wrong_edit(rng, payload) if wrong_branch else None
        if tried is not None:
            place, text = tried
            shown = broken.splitlines()[place - 1].strip()
            yield _edit_step(rng, f"Maybe line {place} is wrong: {shown}", place, text, "wrong")
            seen = yield OracleStep(
                reflection=f"Line {place} is edited.", plan="Test it.", call=ToolCall(name=RUN.name, arguments={})
            )
            if place != at:  # the slip is taken back in a step of its own
                yield _edit_step(rng, f"{_failure(rng, seen)} That did not help.", place, shown, "recovery")
                yield _edit_step(rng, f"Line {at} is left: {old}", at, fix, "good")
            else:
                yield _edit_step(rng, f"{_failure(rng, seen)} My edit of line {at} is wrong.", at, fix, "recovery")
        else:
            yield _edit_step(rng, rng.choice((f"Line {at} is wrong: {old}", f"The bug is {old}")), at, fix, "good")
        seen = yield OracleStep(
            reflection=rng.choice((f"Line {at} reads {fix} now.", f"Line {at} is edited.")),
            plan=rng.choice(("Test it.", "Run the tests again.")),
            call=ToolCall(name=RUN.name, arguments={}),
        )
        yield OracleStep(
            reflection=rng.choice(("The tests say {}.", "Result: {}.")).format(seen.content),
            summary=rng.choice((f"Fixed line {at}: {fix}", f"Line {at} is now {fix}")),
        )

    def _wrong_edit(self, rng: random.Random, payload: dict[str, str]) -> tuple[int, str] | None:
        """Another change of one line of the broken source that really leaves its tests failing."""
        right, broken = payload["right"], payload["broken"]
        choices = [source for source in mutants(broken) if source != right]
        bug = changed_lines(right, broken)
        in_place = [source for source in choices if changed_lines(broken, source) == bug]
        if in_place and rng.random() < _WRONG_FIX_SHARE:  # the right line, wrongly mended; else another line
            choices = in_place
        failing = self._failing(rng, choices, payload["tests"])
        if failing is None:
            return None
        (place,) = changed_lines(broken, failing)
        return place, failing.splitlines()[place - 1].strip()


def replace_line(old: str, text: str) -> str:
    """The new line with the old one's indentation."""
    return old[: len(old) - len(old.lstrip())] + text.strip()


def show_run(result: Result) -> Observation:
    """What pytest printed, shortened: the first failure's lines and the counts, without times or places."""
    if result.ending == "timeout":
        return Observation(status="timeout", content="the tests took too long")
    if result.ending == "lost":
        return Observation(status="error", content="the test run was lost")
    lines = result.output.replace("\r", "").splitlines()
    errors = [re.sub(r"\s+", " ", line[1:]).strip().removeprefix("+ ") for line in lines if line.startswith("E  ")]
    first = _first_failure(errors)
    counts = _counts(result)
    shown = "\n".join([*first, counts]) if counts else "\n".join(first) or "pytest ended before its report"
    shown = re.sub(r"0x[0-9a-f]+", "0x", shown.replace("/job/", ""))
    return Observation(status="ok", content=shown[:_MAX_SHOWN_CHARACTERS])


def _counts(result: Result) -> str:
    """The last line of a pytest run without its time: `2 failed, 1 passed`."""
    lines = result.output.splitlines()
    last = next((line for line in reversed(lines) if re.search(r"\d+ (passed|failed|error|skipped)", line)), "")
    return re.sub(r" in [\d.]+s.*", "", last).strip("= ")


def _first_failure(errors: list[str]) -> list[str]:
    """The assertion or error of the first `E` block and, where pytest gives one, the line that explains it."""
    if not errors:
        return []
    said = next((line for line in errors if not line.startswith("File ")), errors[0])
    if errors[0].startswith("File "):  # a syntax error is named below the place and the line it is in
        said = next((line for line in errors if re.match(r"\w+Error\b", line)), said)
    explained = next((line for line in errors[1:6] if line.startswith("where ")), None)
    return [said, *([explained] if explained else [])]


def _fails(result: Result) -> bool:
    return result.ending == "exited" and result.completed and result.exit_code == 1


def _failure(rng: random.Random, seen: Observation) -> str:
    """Says what the test run showed: the call, what it gave and what was wanted, where pytest tells all three."""
    first, *rest = seen.content.splitlines()
    compared = re.fullmatch(r"assert (.+) == (.+)", first)
    explained = re.fullmatch(r"where (.+) = (.+)", rest[0]) if rest else None
    if compared and explained and compared[1] == explained[1]:
        return rng.choice(("{0} gives {1}, not {2}.", "{0} is {1}, but {2} is wanted.")).format(
            explained[2], compared[1], compared[2]
        )
    return rng.choice(("It fails: {}.", "A test fails: {}.")).format(first)


def _edit_step(rng: random.Random, reflection: str, line: int, text: str, label: str) -> OracleStep:
    return OracleStep(
        reflection=reflection,
        plan=rng.choice(("Write {}", "Make it {}", "Change it to {}")).format(text),
        call=ToolCall(name=EDIT.name, arguments={"line": line, "text": text}),
        label=label,  # type: ignore[arg-type]
    )
