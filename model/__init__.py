"""The dense MLA transformer: shape, forward pass, generation, loss, and the formats it is exchanged in."""

from model.config import MLAConfig
from model.generate import generate
from model.presets import PRESETS
from model.transformer import MLATransformer

__all__ = ["PRESETS", "MLAConfig", "MLATransformer", "generate"]
