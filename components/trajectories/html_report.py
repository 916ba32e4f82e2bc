"""The HTML report: sampled trajectories as a model will read them, phases coloured, what is not trained faded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment

from components.core.files import write_text
from components.trajectories.record import Record
from components.trajectories.weights import weigh

_SAMPLES_PER_KIND = 2
_COLOURS = {
    "analysis": "#1f6feb",
    "plan": "#8250df",
    "action": "#bc4c00",
    "reflection": "#0a7d55",
    "summary": "#b42318",
    "observation": "#57606a",
    "user": "#24292f",
    "tools": "#8c959f",
}
_TEMPLATE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Trajectories</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #24292f }
pre { white-space: pre-wrap; background: #f6f8fa; padding: 1rem; border-radius: 6px; font-size: 13px }
.masked { opacity: .45 } .wrong { text-decoration: line-through wavy #b42318 1px }
{% for kind, colour in colours.items() %}.{{ kind }} { color: {{ colour }} } {% endfor %}
</style>
<h1>Trajectories</h1>
<p>{% for kind in colours %}<span class="{{ kind }}">{{ kind }}</span> {% endfor %}
<span class="masked">faded: loss weight 0</span> <span class="wrong">wrong step</span></p>
{% for sample in samples %}
<h2>{{ sample.title }}</h2>
<pre>{% for part in sample.parts %}<span class="{{ part.classes }}" title="{{ part.title }}">{{ part.text }}</span>{% endfor %}</pre>
{% endfor %}
</html>
"""  # noqa: E501


def write_html_report(
    records: Sequence[Record], path: Path, *, observation_weight: float, action_weight: float
) -> None:
    """Write the report: of each family two straight episodes and two with a wrong branch, the first by id."""
    samples = [
        {
            "title": f"{record.task.generator}, seed {record.task.seed}: {record.verdict.outcome}",
            "parts": _parts(record, observation_weight, action_weight),
        }
        for record in choose_samples(records)
    ]
    template = Environment(autoescape=True).from_string(_TEMPLATE)
    write_text(path, template.render(samples=samples, colours=_COLOURS))


def choose_samples(records: Sequence[Record]) -> list[Record]:
    """The first records by id of each family, with and without a wrong branch."""
    chosen: list[Record] = []
    strata: dict[tuple[str, bool], int] = {}
    for record in sorted(records, key=lambda record: (record.task.generator, record.id)):
        stratum = (record.task.generator, any(step.label == "wrong" for step in record.steps))
        strata[stratum] = strata.get(stratum, 0) + 1
        if strata[stratum] <= _SAMPLES_PER_KIND:
            chosen.append(record)
    return chosen


def _parts(record: Record, observation_weight: float, action_weight: float) -> list[dict[str, str]]:
    wrong = [any(step.label == "wrong" for step in turn) for turn in record.turns()]
    parts = []
    for item in weigh(record, observation_weight=observation_weight, action_weight=action_weight):
        segment = item.segment
        own = segment.kind not in ("observation", "role", "user", "tools", "system")
        classes = [segment.kind, *(["masked"] if item.weight == 0 else [])]
        if own and wrong[segment.step]:
            classes.append("wrong")
        text = segment.text + ("\n" if segment.kind == "end" else "")
        parts.append({"classes": " ".join(classes), "title": f"{segment.kind}, weight {item.weight:g}", "text": text})
    return parts
