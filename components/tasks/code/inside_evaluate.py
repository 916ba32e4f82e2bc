"""Runs inside the sandbox: what expressions are worth in a package. Standard library only; its text is the program.

Reads `request.json` (`package`, `module`, `expressions`) beside it; its last line of output is one JSON object a line
of `outcomes`: a value as its repr and whether that spells an equal value again (`faithful`), or what was raised; and
the functions of the package each expression went through (`reached`, as `module:qualname`).
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

_LIMIT_S = 0.05  # processor time of one expression
_MOST_STOPPED = 3  # expressions that ran out of it, in one request; the rest is not tried


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
        return {"raises": where + kind.__qualname__, "says": str(error).partition("\n")[0]}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return {"value": shown, "faithful": _is_faithful(value, shown, names)}


def _is_faithful(value: object, shown: str, names: dict[str, Any]) -> bool:
    try:
        again = eval(shown, dict(names))
        return type(again) is type(value) and bool(again == value)
    except Exception:  # whatever a package's own repr or comparison may raise: then it is not faithful
        return False


def _evaluate(request: dict[str, Any]) -> list[dict[str, Any]]:
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
        found = _evaluate(json.loads(Path("request.json").read_text()))
    print("\n" + json.dumps(found))
