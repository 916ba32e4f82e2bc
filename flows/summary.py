"""What a run came to: a table of its stages, the evaluations, the gate's verdict, and links both ways.

Bits per byte are held-out text's, as the mean over domains. The flow stores the page in Prefect and in MLflow;
the terminal shows the same text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from components.core.markdown import markdown_table
from components.core.params import Params
from components.evaluation.report import stages_markdown
from flows.parent_run import numbers
from flows.stages import Run

StageRow = dict[str, str]


def stage_rows(run: Run, names: Iterable[str]) -> list[StageRow]:
    """One row a stage, as text; a cell is empty where there is nothing to tell."""
    return [_row(run, name) for name in names if name in run.summaries]


def _row(run: Run, name: str) -> StageRow:
    summary = run.summaries[name]
    entry = name.partition("@")[2]
    trained = (
        _read(run.workspace.path / "metrics" / "pretrain" / f"{entry}.json") if name.startswith("pretrain@") else {}
    )
    scored = _read(run.workspace.path / "metrics" / "evaluate" / f"{entry}.json") if trained else {}
    bits = scored.get("bits_per_byte") or {}
    joules = _last_metric(run, summary.run_id, "energy_joules")
    return {
        "stage": name,
        "state": summary.state,
        "tokens": f"{trained['tokens']:,}" if "tokens" in trained else "",
        "bits per byte": f"{sum(bits.values()) / len(bits):.3f}" if bits else "",
        "seconds": f"{summary.seconds:.0f}" if summary.seconds is not None else "",
        "kJ": f"{joules / 1000:.2f}" if joules is not None else "",
        "run": run.parent.link(summary.run_id) if summary.run_id else "",
    }


def final_metrics(workspace: Path) -> dict[str, float]:
    """Every number under `metrics/`, by file and name, for the parent run in MLflow."""
    found: dict[str, float] = {}
    for path in sorted((workspace / "metrics").rglob("*.json")):
        prefix = "/".join(path.relative_to(workspace / "metrics").with_suffix("").parts)
        found |= numbers(_read(path), prefix)
    return found


def evaluation_markdown(workspace: Path, params: Params) -> str:
    """The evaluation tables, as components.evaluation writes them; empty before anything was evaluated."""
    directory = workspace / "metrics" / "evaluate"
    return stages_markdown(params, directory) if any(directory.glob("*.json")) else ""


def gate_markdown(workspace: Path) -> str:
    """The gate's verdict with the reason of each check; empty before the gate."""
    gate = _read(workspace / "metrics" / "gate.json")
    if "verdict" not in gate:
        return ""
    lines = [
        f"- **{check['verdict']}** {name}: {check['reason']}"
        for name, check in gate.get("checks", {}).items()
        if "verdict" in check
    ]
    return "\n".join([f"## Gate: {gate['verdict']}", "", *lines, ""])


def links(run: Run, experiment: str | None, release: str | None) -> dict[str, str]:
    """Where everything of this run stands."""
    found = {
        "Prefect flow run": run.parent.tag("trivium.flow_run"),
        "MLflow run": run.parent.link(),
        "DVC experiment": f"`{run.name}` (`dvc exp show`, `dvc exp apply {run.name}`)" if experiment else "",
        "experiment commit": experiment or "",
        "started from commit": run.workspace.record.commit,
        "release": release or "",
    }
    return {name: value for name, value in found.items() if value}


def markdown(rows: list[StageRow], pages: Iterable[str], where: Mapping[str, str]) -> str:
    """The whole summary as one page."""
    shown = [{**row, "run": f"[run]({row['run']})" if row["run"].startswith("http") else row["run"]} for row in rows]
    parts = [markdown_table(list(shown[0]), [row.values() for row in shown]) if shown else ""]
    parts += [page for page in pages if page]
    parts.append("## Where it is\n\n" + "".join(f"- {name}: {value}\n" for name, value in where.items()))
    return "\n".join(parts)


def _last_metric(run: Run, run_id: str | None, name: str) -> float | None:
    if run_id is None:
        return None
    value = run.parent.client.get_run(run_id).data.metrics.get(name)
    return float(value) if value is not None else None


def _read(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}
