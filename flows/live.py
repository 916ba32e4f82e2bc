"""A run as a terminal shows it: a table that lives while the run does, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from uuid import UUID

import httpx
from rich.console import Console, Group
from rich.live import Live
from rich.markdown import Markdown
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flows.control import Control, RunView, StageView

_POLL_S = 1.0
_PATIENCE_S = 30.0


class ServerGone(Exception):
    """Nobody answers for the run any more."""


_COLOURS = {"Completed": "green", "Cached": "cyan", "Running": "yellow", "Failed": "red", "BadInput": "red"}


def watch(control: Control, run_id: UUID, console: Console) -> RunView:
    """Show the run until it ends; returns the last look. Ctrl-C leaves the run alone and raises KeyboardInterrupt."""
    if not console.is_terminal:
        return _watch_plainly(control, run_id, console)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            view = _look(control, run_id)
            live.update(_table(view, control.url(run_id)), refresh=True)
            if view.ended:
                break
            time.sleep(_POLL_S)
    console.print(_table(view, control.url(run_id)))
    return view


def show_summary(rows: list[dict[str, str]], page: str, console: Console) -> None:
    """The tables and links a run ends with."""
    if rows:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in rows[0]:
            table.add_column(name, justify="right" if name in ("tokens", "bits per byte", "seconds", "kJ") else "left")
        for row in rows:
            link = row["run"]
            short = (
                Text(link.rpartition("/")[2][:8], style=f"link {link}") if link.startswith("http") else Text(link[:8])
            )
            table.add_row(*(row[name] for name in row if name != "run"), short)
        console.print(table)
    start = page.find("## ")
    if start >= 0:
        if console.is_terminal:
            console.print(Markdown(page[start:]))
        else:
            console.print(page[start:], markup=False, highlight=False, soft_wrap=True)


def _look(control: Control, run_id: UUID) -> RunView:
    """One look; a server that restarts is waited for. Raises ServerGone when it stays away."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return control.look(run_id)
        except httpx.TransportError as error:
            if time.monotonic() > deadline_s:
                raise ServerGone(f"the Prefect server has not answered for {_PATIENCE_S:.0f} s ({error})") from error
            time.sleep(_POLL_S)


def _watch_plainly(control: Control, run_id: UUID, console: Console) -> RunView:
    """One line for each change of a stage's state, and now and then for its progress."""
    shown: dict[str, str] = {}
    shown_s: dict[str, float] = {}
    run_state = ""
    while True:
        view = _look(control, run_id)
        if view.state.name != run_state:
            run_state = view.state.name or ""
            console.print(f"run {view.name}: {run_state} {_approval_hint(view)}".rstrip(), highlight=False)
        for stage in view.stages:
            now_s = time.monotonic()
            changed = shown.get(stage.name) != stage.state
            due = stage.state == "Running" and stage.progress and now_s - shown_s.get(stage.name, now_s) > 15
            if changed or due:
                shown[stage.name], shown_s[stage.name] = stage.state, now_s
                detail = stage.message if stage.state != "Running" else stage.progress
                console.print(f"  {stage.name:24} {stage.state:10} {detail}".rstrip(), highlight=False, soft_wrap=True)
        if view.ended:
            return view
        time.sleep(_POLL_S)


def _table(view: RunView, url: str) -> Group:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("stage", "state", "", "progress", "s"):
        table.add_column(name, justify="right" if name == "s" else "left", no_wrap=name != "progress")
    for stage in view.stages:
        table.add_row(*_cells(stage))
    head = Text.assemble((view.name, "bold"), f"  {view.state.name}  ", (url, f"dim link {url}"))
    hint = _approval_hint(view)
    return Group(head, table, Text(hint, style="bold yellow")) if hint else Group(head, table)


def _cells(stage: StageView) -> tuple[Text | ProgressBar | str, ...]:
    bar = ProgressBar(total=100, completed=stage.percent, width=20) if stage.state == "Running" else ""
    detail = stage.progress if stage.state == "Running" else stage.message
    return (
        stage.name,
        Text(stage.state, style=_COLOURS.get(stage.state, "dim")),
        bar,
        detail,
        f"{stage.seconds:.0f}" if stage.seconds else "",
    )


def _approval_hint(view: RunView) -> str:
    if not view.state.is_paused():
        return ""
    return f"waits for approval: answer in the Prefect UI, or `python -m flows approve {view.name}`"
