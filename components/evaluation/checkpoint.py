"""What an evaluation reads of a finished training stage: the model, and the record of what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.errors import BadInput
from components.core.lineage import read_manifest, verify
from components.tokenizer import TextTokenizer
from model import MLATransformer

CHECKPOINTS = Path("checkpoints")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A loaded checkpoint. `curriculum` has one entry per stage trained so far, the last one its own."""

    name: str
    model: MLATransformer
    tokens: int
    curriculum: tuple[Mapping[str, Any], ...]

    @property
    def context_tokens(self) -> int:
        """The length of the rows it was last trained on; beyond it the model was never asked to look."""
        return int(self.curriculum[-1]["row_tokens"])


def load_checkpoint(name: str, tokenizer: TextTokenizer) -> Checkpoint:
    """Load checkpoints/NAME for inference.

    Raises BadInput if it is missing, corrupt, unfinished, or was trained with another tokenizer.
    """
    from model.exchange.hf import load_pretrained

    directory = CHECKPOINTS / name
    manifest = read_manifest(directory, f"pretrain@{name}")
    verify(directory, manifest)
    facts = manifest.facts
    if facts.get("complete") is not True:
        raise BadInput(f"{directory}: training is not complete; run `dvc repro pretrain@{name}`")
    if facts["tokenizer_sha256"] != tokenizer.sha256:
        raise BadInput(
            f"{directory}: tokenizer_sha256 = {facts['tokenizer_sha256']!r}, but artifacts/tokenizer has "
            f"{tokenizer.sha256!r}; run `dvc repro` so that weights and vocabulary fit"
        )
    try:
        model = load_pretrained(directory)
    except ValueError as error:
        raise BadInput(str(error)) from None
    return Checkpoint(name=name, model=model.eval(), tokens=int(facts["tokens"]), curriculum=tuple(facts["curriculum"]))
