"""Where a test for a package is written: the package as it is, and wrong versions of it that nobody sees.

Calls are evaluated on the right version, a test is run on it, and of the wrong ones only is told how many it notices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from components.agent.environment import Observation
from components.agent.messages import ToolCall
from components.tasks.code.calls import evaluate, show
from components.tasks.code.packages import is_test_file
from components.tasks.code.report import show_report
from components.tasks.code.tools import EVALUATE, RUN_MUTANTS, SUBMIT, WRITE_TEST, PackageEnvironment
from components.tasks.code.written import WRITTEN, holds, notices, refusal, run_written

_MOST_EXPRESSION_CHARACTERS = 300
_MOST_SHOWN_CHARACTERS = 300
_ADDRESS = re.compile(r"0x[0-9a-f]+")


@dataclass(kw_only=True)
class WriteTestEnvironment(PackageEnvironment):
    """A package as it is, and `versions` of it that are wrong: changed files each."""

    module: str
    versions: tuple[dict[str, str], ...]
    shows_tests: bool
    written: str | None = None

    @property
    def files(self) -> dict[str, str]:
        return {path: text for path, text in self.package.files.items() if self.shows_tests or not is_test_file(path)}

    def run(self, call: ToolCall) -> Observation:
        if call.name == EVALUATE.name:
            return self._evaluate(call.arguments["expression"])
        if call.name == WRITE_TEST.name:
            return self._write(call.arguments["text"])
        if call.name == RUN_MUTANTS.name:
            return self._run_mutants()
        if call.name == SUBMIT.name:
            return self._hand_in()
        return super().run(call)

    def _evaluate(self, expression: str) -> Observation:
        if len(expression) > _MOST_EXPRESSION_CHARACTERS:
            return Observation(status="error", content=f"more than {_MOST_EXPRESSION_CHARACTERS} letters")
        name = self.package.spec.name
        outcomes = evaluate(self.workshop.bench, self.package.files, name, self.module, [expression], watch=False)
        shown = show(outcomes[0]) if outcomes is not None else None
        if shown is None:
            return Observation(status="timeout", content="the expression took too long and was stopped")
        return Observation(status="ok", content=_ADDRESS.sub("0x", shown)[:_MOST_SHOWN_CHARACTERS])

    def _write(self, text: str) -> Observation:
        if self.submitted:
            return Observation(status="denied", content="already submitted")
        fault = refusal(self.package, text)
        if fault:
            return Observation(status="error", content=f"{fault}; nothing written")
        self.written = text
        return show_report(run_written(self.workshop, self.package, {}, text), WRITTEN)

    def _run_mutants(self) -> Observation:
        if self.written is None:
            return Observation(status="error", content="no test is written")
        if not holds(self.workshop, self.package, self.written):
            return Observation(status="error", content="the test does not pass on the right version")
        return Observation(status="ok", content=f"noticed {self._noticed()} of {count_versions(len(self.versions))}")

    def _hand_in(self) -> Observation:
        if self.written is None:
            return Observation(status="error", content="no test is written")
        if self.submitted:
            return Observation(status="denied", content="already submitted")
        self.submitted = True
        return Observation(status="ok", content="submitted")

    def _noticed(self) -> int:
        assert self.written is not None
        return sum(notices(self.workshop, self.package, changed, self.written) for changed in self.versions)

    def verify(self, answer: str) -> bool:
        """Whether the submitted test passes on the right version, however that is laid out, and on no wrong one."""
        if not self.submitted or self.written is None:
            return False
        return holds(self.workshop, self.package, self.written) and self._noticed() == len(self.versions)


def count_versions(count: int) -> str:
    return f"{count} wrong version{'s' if count > 1 else ''}"
