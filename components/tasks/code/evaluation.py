"""What expressions are worth in a package, evaluated in the sandbox.

The text of this file is also the program that runs there: it imports the standard library alone. It reads
`request.json` (`package`, `module`, `expressions`, `watch`) beside it; its last line of output is a JSON list with one
object an expression: a value as its repr and whether that spells an equal value again (`faithful`), or what was raised,
or `stopped`; with `watch` also the functions of the package that the expression went through (`reached`, as
`path:qualname`).
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import io
import json
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.tasks.code.runner import TestRunner

_PROGRAM, _REQUEST = "evaluate_here.py", "request.json"
_LIMIT_S = 0.05  # processor time of one expression
_MOST_STOPPED = 3  # expressions that ran out of it, in one request; the rest is not tried


def evaluate(
    runner: TestRunner, files: Mapping[str, str], module: str, expressions: Sequence[str], *, watch: bool = False
) -> list[dict[str, Any]] | None:
    """The outcomes of expressions under the names of the file `module`, then of its package; None where the run ended
    early."""
    name = dotted(module)
    request = {"package": name.partition(".")[0], "module": name, "expressions": list(expressions), "watch": watch}
    job = {**files, _PROGRAM: Path(__file__).read_text(), _REQUEST: json.dumps(request)}
    result = runner.run(job, [_PROGRAM], runner="python")
    found = re.search(r"^(\[.*\])\s*\Z", result.output, re.MULTILINE)
    if not result.passed or result.truncated or found is None:
        return None
    try:
        outcomes: list[dict[str, Any]] = json.loads(found[1])
    except ValueError:  # an expression wrote there itself
        return None
    return outcomes if len(outcomes) == len(expressions) else None


def describe_outcome(outcome: Mapping[str, Any]) -> str | None:
    """A value, or `raises ValueError: why`; None where the expression ran out of its time."""
    if "stopped" in outcome:
        return None
    if "raises" in outcome:
        return f"raises {outcome['raises']}" + (f": {outcome['message']}" if outcome["message"] else "")
    return str(outcome["value"])


def dotted(path: str) -> str:
    """The import name of a file."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def free_names(expression: str) -> list[str]:
    """Names an expression needs from its surroundings, builtins left out."""
    tree = ast.parse(expression, mode="eval")
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return sorted(name for name in used - bound if not hasattr(builtins, name))


class _TooLongError(BaseException):
    """Not an Exception, so that no package can catch it."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _TooLongError


def _outcome(expression: str, names: dict[str, Any]) -> dict[str, Any]:
    signal.setitimer(signal.ITIMER_VIRTUAL, _LIMIT_S)
    try:
        value = eval(expression, dict(names))
        shown = repr(value)
    except (MemoryError, RecursionError, _TooLongError):
        return {"stopped": True}
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        kind = type(error)
        where = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return {"raises": where + kind.__qualname__, "message": str(error).partition("\n")[0]}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return {"value": shown, "faithful": _is_faithful(value, shown, names)}


def _is_faithful(value: object, shown: str, names: dict[str, Any]) -> bool:
    try:
        again = eval(shown, dict(names))
        return type(again) is type(value) and bool(again == value)
    except Exception:  # whatever a package's own repr or comparison may raise: then it is not faithful
        return False


def _answer(request: dict[str, Any]) -> list[dict[str, Any]]:
    package = importlib.import_module(request["package"])
    names = {**vars(package), **vars(importlib.import_module(request["module"]))}
    names = {name: value for name, value in names.items() if not name.startswith("__")}
    signal.signal(signal.SIGVTALRM, _stop)
    root = f"{Path.cwd()}/"
    outcomes: list[dict[str, Any]] = []
    for expression in request["expressions"]:
        reached: set[str] = set()
        if sum("stopped" in outcome for outcome in outcomes) >= _MOST_STOPPED:
            outcomes.append({"stopped": True})
            continue

        def note(frame: FrameType, event: str, argument: object, reached: set[str] = reached) -> None:
            if event == "call" and frame.f_code.co_filename.startswith(root):
                reached.add(f"{frame.f_code.co_filename.removeprefix(root)}:{frame.f_code.co_qualname}")

        sys.setprofile(note if request["watch"] else None)
        try:
            outcome = _outcome(expression, names)
        finally:
            sys.setprofile(None)
        outcomes.append({**outcome, "reached": sorted(reached)} if request["watch"] else outcome)
    return outcomes


if __name__ == "__main__":
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        found = _answer(json.loads(Path(_REQUEST).read_text()))
    print("\n" + json.dumps(found))
