"""Where and how training runs on this machine: read from the environment, never part of a stage's identity.

An execution profile (infra/profiles/) sets these variables; each has a default that is right for a laptop.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from components.core.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Settings that leave the samples and their order alone; the last bits of the weights may depend on them."""

    micro_rows: int | None = None  # rows a device holds at once; None: its whole share of the optimizer batch
    checkpoint_s: float = 60.0  # between two in-progress checkpoints
    compile_blocks: bool = False  # torch.compile, on a GPU
    has_gpu: bool = False  # train on it; else on the CPU
    rank: int = 0
    world_size: int = 1
    local_world_size: int = 1

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Execution:
        """Read TRIVIUM_MICRO_ROWS, _CHECKPOINT_S and _COMPILE_BLOCKS (0 or 1), torchrun's rank and world size, and
        whether torch sees a GPU.

        Raises BadInput naming the variable that cannot be used.
        """
        return cls(
            micro_rows=_whole(environment, "TRIVIUM_MICRO_ROWS", 0) or None,
            checkpoint_s=_number(environment, "TRIVIUM_CHECKPOINT_S", 60),
            compile_blocks=bool(_whole(environment, "TRIVIUM_COMPILE_BLOCKS", 0, most=1)),
            has_gpu=torch.cuda.is_available(),
            rank=_whole(environment, "RANK", 0),
            world_size=_whole(environment, "WORLD_SIZE", 1, least=1),
            local_world_size=_whole(environment, "LOCAL_WORLD_SIZE", 1, least=1),
        )

    def check(self, *, batch_rows: int, where: str) -> None:
        """Refuse a batch that cannot be shared out, and what this device cannot do. Raises BadInput."""
        if self.compile_blocks and not self.has_gpu:
            raise BadInput(
                "TRIVIUM_COMPILE_BLOCKS = 1: packed documents compile on a GPU alone; set it to 0, "
                "compile_blocks: false in the execution profile"
            )
        if batch_rows % self.world_size:
            raise BadInput(
                f"{where}.batch_rows = {batch_rows}: does not divide over WORLD_SIZE = {self.world_size} devices; "
                "choose a multiple or use fewer devices"
            )


def _whole(environment: Mapping[str, str], name: str, default: int, *, least: int = 0, most: float = math.inf) -> int:
    value = _number(environment, name, default, least=least, most=most)
    if value != int(value):
        raise BadInput(f"{name} = {environment[name]!r}: must be a whole number")
    return int(value)


def _number(
    environment: Mapping[str, str], name: str, default: float, *, least: float = 0, most: float = math.inf
) -> float:
    text = environment.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        raise BadInput(f"{name} = {text!r}: not a number") from None
    if not math.isfinite(value):
        raise BadInput(f"{name} = {text!r}: must be finite")
    if not least <= value <= most:
        above = f" and at most {most:g}" if math.isfinite(most) else ""
        raise BadInput(f"{name} = {text!r}: must be at least {least:g}{above}")
    return value
