"""The model card: for a person who has found the release and asks what it is, how good, and what not to do with it.

Every figure comes from a file of the pipeline; the words around them are in `card.md.jinja`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from components.agent.calculator import CALCULATOR
from components.core.lineage import Manifest
from components.core.markdown import markdown_table
from components.core.params import Params
from components.evaluation.report import stages_markdown
from components.release.layout import gguf_file
from model import MLAConfig
from model.flops import parameters

RELEASED, CANDIDATE = "released", "candidate"
_TEMPLATE = Path(__file__).with_name("card.md.jinja")


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What the card is made of.

    curriculum: the checkpoint's stages. gate: metrics/gate.json. sources: the manifest of data/raw. parity: what
    parity.json says. files: sizes in bytes by name.
    """

    config: MLAConfig
    curriculum: Sequence[Mapping[str, Any]]
    gate: Mapping[str, Any]
    sources: Manifest
    parity: Mapping[str, Any]
    tokenizer_sha256: str
    identity: str
    files: Mapping[str, int]

    @property
    def status(self) -> str:
        """Nothing but a PASS is more than a candidate."""
        return RELEASED if self.gate["verdict"] == "PASS" else CANDIDATE

    @property
    def tokens(self) -> int:
        """Trained on, over all stages."""
        return sum(stage["tokens"] for stage in self.curriculum)


def model_card(params: Params, facts: CardFacts) -> str:
    """README.md of the release."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters |= {"count": count, "thousands": "{:,}".format}
    sources: Mapping[str, Mapping[str, str]] = facts.sources.facts["sources"]
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        name=params.release.name,
        max_turn_tokens=params.evaluation.max_turn_tokens,
        released=facts.status == RELEASED,
        gate=facts.gate,
        config=facts.config,
        parameters=sum(parameters(facts.config).values()),
        tokens=facts.tokens,
        stages=facts.curriculum,
        agentic=any("agent" in stage["mixture"] for stage in facts.curriculum),
        weighted=any(stage["loss_weights"] == "spans" for stage in facts.curriculum),
        longest_row=max(stage["row_tokens"] for stage in facts.curriculum),
        languages=sorted({source["language"] for source in sources.values()} & {"en", "zh"}),  # "python" is none
        calculator=json.dumps(CALCULATOR.to_openai(), indent=4),
        gguf=gguf_file(params.release.name, params.release.gguf_dtypes[0]),
        parity=facts.parity,
        identity=facts.identity,
        tokenizer_sha256=facts.tokenizer_sha256,
        training_table=_training_table(facts),
        evaluation=stages_markdown(params),
        gate_table=markdown_table(
            ["check", "verdict", "why"],
            [
                [name.replace("_", " "), check["verdict"], check["reason"]]
                for name, check in facts.gate["checks"].items()
            ],
        ),
        source_table=markdown_table(
            ["source", "domain", "language", "licence"],
            [[name, source["domain"], source["language"], source["licence"]] for name, source in sources.items()],
        ),
        file_table=markdown_table(
            ["file", "bytes"], [[f"`{name}`", f"{size:,}"] for name, size in sorted(facts.files.items())]
        ),
    )


def count(number: int) -> str:
    """A large number as people say it."""
    for size, name in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:.3g} {name}"
    return f"{number:,}"


def _training_table(facts: CardFacts) -> str:
    rows = [
        [
            stage["stage"],
            f"{stage['tokens']:,}",
            f"{stage['steps']:,}",
            f"{stage['row_tokens']:,}",
            _schedule(stage["schedule"]),
            _rope(stage),
            ", ".join(f"{domain} {share:.0%}" for domain, share in stage["mixture"].items()),
        ]
        for stage in facts.curriculum
    ]
    head = ["stage", "tokens", "steps", "row tokens", "learning rate", "rope base", "mixture of rows"]
    return markdown_table(head, [*rows, ["**in all**", f"**{facts.tokens:,}**", "", "", "", "", ""]])


def _rope(stage: Mapping[str, Any]) -> str:
    yarn = stage["rope_scaling"]
    return f"{stage['rope_theta']:,.0f}" + ("" if yarn is None else f", YaRN × {yarn['factor']:g}")


def _schedule(schedule: Mapping[str, Any]) -> str:
    if schedule["start"] == schedule["end"]:
        return f"{schedule['phase']}, {schedule['start']:g}"
    return f"{schedule['phase']}, {schedule['start']:g} to {schedule['end']:g}"
