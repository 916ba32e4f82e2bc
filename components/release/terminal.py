"""The chat as a person sees it: thoughts dim, calls and results marked, the answer plain."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from rich.console import Console

from components.agent.toolbox import TOOLBOX
from components.core.errors import BadInput
from components.release.chat import ChatSession, Finished, Piece, ToolResult

HELP = "/tools [NAME...] what it may call · /reset forget all · /quit or Ctrl-D leave · Ctrl-C stop an answer"
_STYLES = {
    "thought": "dim",
    "analysis": "dim",
    "plan": "dim",
    "reflection": "dim",
    "call": "cyan",
    "result": "magenta",
    "answer": "bold",
}
_ENDS = {
    "max_turns": "it went on calling tools without an answer; ask again or /reset",
    "parse_errors": "it wrote turns that cannot be read; ask again or /reset",
    "context_overflow": "the conversation fills its context; /reset to begin anew",
}


def converse(session: ChatSession) -> int:
    """Read, answer, repeat, until the person leaves. Returns the exit code."""
    import readline  # noqa: F401  # gives input() editing and history

    console = Console(highlight=False)
    try:  # around all of it: Ctrl-C may also come between the greeting and the first prompt
        console.print(
            f"{session.name} ({session.status}), context {session.context_tokens:,} tokens. {HELP}", markup=False
        )
        while (text := input("you> ").strip()) != "/quit":
            if text == "/reset":
                session.reset()
                console.print("The conversation is forgotten.", style="dim")
            elif text.split()[:1] == ["/tools"]:
                _tools(session, text.split()[1:], console)
            elif text.startswith("/"):
                console.print(HELP, style="dim", markup=False)
            elif text:
                _answer(session, text, console)
    except (EOFError, KeyboardInterrupt):
        console.print()
    return 0


def answer_once(session: ChatSession, text: str) -> int:
    """Put one question; 0 and the answer on standard output, or 1 and the reason on standard error."""
    trace = Console(stderr=True, highlight=False)
    finished = show(session.ask(text), trace)
    if finished.answer is None:
        return 1
    Console(highlight=False).print(printable(finished.answer), markup=False, soft_wrap=True)
    return 0


def _tools(session: ChatSession, names: Sequence[str], console: Console) -> None:
    """Offer the tools named; show all and which are offered."""
    if names:
        try:
            session.offer(names)
        except BadInput as error:
            console.print(str(error), style="red", markup=False)
            return
        console.print("The conversation begins anew.", style="dim")
    for tool in TOOLBOX:
        offered = "offered" if tool in session.tools else "not offered"
        console.print(f"{offered}: {tool.to_json()}", style=_STYLES["call"], markup=False, soft_wrap=True)


def _answer(session: ChatSession, text: str, console: Console) -> None:
    events = session.ask(text)
    try:
        show(events, console)
    except KeyboardInterrupt:
        events.close()
        console.print("\nStopped; your last message is taken back.", style="dim")


def show(events: Iterable[Piece | ToolResult | Finished], console: Console) -> Finished:
    """Print events as they come and return the last one."""
    current = ""
    for event in events:
        if isinstance(event, Finished):
            if current:
                console.print()
            if event.end != "answered":
                console.print(f"No answer: {_ENDS[event.end]}", style="red", markup=False)
            return event
        kind, text = (
            ("result", event.observation.render()) if isinstance(event, ToolResult) else (event.kind, event.text)
        )
        if kind != current or kind == "result":
            if not text.strip():
                continue  # line breaks between the parts of a turn
            lead = ("\n" if current else "") + (f"{kind}: " if kind != "answer" else "")
            console.print(lead, style=_STYLES[kind], markup=False, end="")
            current = kind
        console.print(printable(text), style=_STYLES[kind], markup=False, end="", soft_wrap=True)
    raise AssertionError("a conversation's events end in Finished")


def printable(text: str) -> str:
    """Text without control characters: what a model or a document says must not steer the terminal."""
    return "".join(letter for letter in text if letter in "\n\t" or unicodedata.category(letter) != "Cc")
