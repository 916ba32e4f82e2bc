"""What pytest printed, read as facts and shown again without times, places of this machine or addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from components.agent.environment import Observation
from components.sandbox import Result

_MOST_FAILED_SHOWN = 3
_MOST_FRAMES_SHOWN = 3
_MOST_ERROR_LINES = 2
_MOST_LINE_CHARACTERS = 110
_MOST_BRIEF_CHARACTERS = 240
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped)\b")
_FRAME = re.compile(r"^(\w[\w./-]*\.py):(\d+): in (\S+)$")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?\.py)(?:::(\S+))?")
_ERROR = re.compile(r"\w+Error\b")
_HEADER = re.compile(r"^_+ (\S.*?) _+$")
_JOB_DIRECTORY = "/job/"  # where the sandbox runs things
_ADDRESS = re.compile(r"0x[0-9a-f]+")
# Up to Python 3.11 the hash of None is its address: another process may write a set that holds it in another order.
_SET_WITH_NONE = re.compile(r"\{[^{}:]*\bNone\b")
_CUT_ADDRESS = re.compile(r"\.\.\.[0-9a-f]+>")  # pytest cuts long values in the middle, addresses too


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One line of a traceback inside the package."""

    path: str
    line: int
    function: str
    code: str

    def show(self) -> str:
        return f"{self.path}:{self.line}: in {self.function}\n    {cut(self.code)}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """One test run. `failed` names the tests (`test_a`, `TestA::test_b`, without parameters) in the order reported;
    `frames` and `errors` are those of the first failure."""

    result: Result
    counts: dict[str, int]
    failed: tuple[str, ...]
    frames: tuple[Frame, ...]
    errors: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether tests ran and every one of them passed or was skipped."""
        return self.result.passed and self.counts.get("passed", 0) > 0 and set(self.counts) <= {"passed", "skipped"}

    @property
    def broke(self) -> bool:
        """Whether tests ran to their end and some failed: not a time limit, not a file that cannot be read."""
        return (
            self.result.ending == "exited"
            and self.result.completed
            and self.result.exit_code == 1
            and self.counts.get("failed", 0) > 0
            and "error" not in self.counts
            and not self.result.truncated
        )

    def summary(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.counts.items())


def depends_on_addresses(text: str) -> bool:
    """Whether a print depends on where things lie in memory, so that another process may print it differently."""
    return "0x" in text or _SET_WITH_NONE.search(text) is not None


@lru_cache(maxsize=1024)
def read_report(result: Result) -> Report:
    text = result.output.replace("\r", "").replace(_JOB_DIRECTORY, "")
    lines = _CUT_ADDRESS.sub("...>", _ADDRESS.sub("0x", text)).splitlines()
    last = next((line for line in reversed(lines) if _COUNT.search(line)), "")
    counts = {kind.removesuffix("s") if kind == "errors" else kind: int(n) for n, kind in _COUNT.findall(last)}
    failed = [match for line in lines if (match := _FAILED.match(line))]
    names = dict.fromkeys(re.sub(r"\[.*", "", match[2]) if match[2] else match[1] for match in failed)
    section = _first_section(lines)
    frames = tuple(
        Frame(path=match[1], line=int(match[2]), function=match[3], code=following.strip())
        for line, following in zip(section, [*section[1:], ""], strict=False)
        if (match := _FRAME.match(line)) and not match[1].startswith("/")
    )
    errors = tuple(re.sub(r"\s+", " ", line[1:]).strip() for line in section if re.match(r"E {2,}\S", line))
    return Report(
        result=result,
        counts={kind: counts[kind] for kind in ("failed", "error", "passed", "skipped") if kind in counts},
        failed=tuple(names),
        frames=frames,
        errors=errors,
    )


def _first_section(lines: list[str]) -> list[str]:
    """The lines of the first failure or error."""
    starts = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    if not starts:
        return []
    ends = [*starts[1:], *(number for number, line in enumerate(lines) if line.startswith(("===", "---")))]
    end = min((number for number in ends if number > starts[0]), default=len(lines))
    return lines[starts[0] + 1 : end]


def show_report(report: Report, tests: str) -> Observation:
    """A run of the test file `tests` for a reader: counts, the tests that failed, how the first one did."""
    stopped = _show_stopped(report)
    if stopped is not None:
        return Observation(status=stopped.status, content=f"{tests}: {stopped.content}")
    parts = [f"{tests}: {report.summary()}"]
    if report.failed:
        left = len(report.failed) - _MOST_FAILED_SHOWN
        more = f" and {left} more" if left > 0 else ""
        parts.append(f"FAILED {', '.join(report.failed[:_MOST_FAILED_SHOWN])}{more}")
        parts += [frame.show() for frame in _shown_frames(report)]
        parts += [f"E {cut(error)}" for error in report.errors[:_MOST_ERROR_LINES]]
    return Observation(status="ok", content="\n".join(parts))


def show_first_failure(report: Report) -> Observation:
    """A run in the fewest words: the first failure's error, what explains it, and the counts."""
    stopped = _show_stopped(report)
    if stopped is not None:
        return stopped
    errors = [error.removeprefix("+ ") for error in report.errors]
    lines = [*_explained_error(errors), report.summary()]
    return Observation(status="ok", content="\n".join(lines)[:_MOST_BRIEF_CHARACTERS])


def _show_stopped(report: Report) -> Observation | None:
    """A run that ended before its report; None for any other."""
    if report.result.ending in ("timeout", "signalled"):
        return Observation(status="timeout", content="the tests took too long and were stopped")
    if report.result.ending == "lost":
        return Observation(status="error", content="the run was lost")
    return None if report.counts else Observation(status="ok", content="pytest ended before its report")


def _explained_error(errors: list[str]) -> list[str]:
    """The assertion or error and, where pytest gives one, the line that explains it. A syntax error is named below the
    place and the line it is in."""
    if not errors:
        return []
    named = errors if not errors[0].startswith("File ") else [line for line in errors if _ERROR.match(line)]
    explained = [line for line in errors[1:6] if line.startswith("where ")]
    return [*(named or errors)[:1], *explained[:1]]


def _shown_frames(report: Report) -> tuple[Frame, ...]:
    """The test's own frame and the innermost ones."""
    frames = report.frames
    return frames if len(frames) <= _MOST_FRAMES_SHOWN else (frames[0], *frames[1 - _MOST_FRAMES_SHOWN :])


def cut(text: str) -> str:
    """At most one line of text, with a mark where it was cut."""
    return text if len(text) <= _MOST_LINE_CHARACTERS else text[: _MOST_LINE_CHARACTERS - 3] + "..."
