"""The report's initialisation: matrices from N(0, 2 / (5 · hidden)), embeddings with twice that deviation.

The variance is the report's (2 / (5 h)), deviation 0.014 at width 2048; transformers 5 computes 2 / sqrt(5 h) instead,
an operator-precedence slip 1.41 times too wide that matters only to models trained from scratch.
"""

from __future__ import annotations

import torch
from torch import nn

from model.config import MLAConfig
from model.transformer import MLATransformer


def deviation(config: MLAConfig) -> float:
    """Standard deviation of every matrix but the embedding."""
    return (2.0 / (5.0 * config.hidden_size)) ** 0.5


@torch.no_grad()
def initialise(model: MLATransformer, seed: int) -> None:
    """Set all weights as a pure function of (config, seed): drawn on the CPU in float32, in order of definition."""
    generator = torch.Generator().manual_seed(seed)
    std = deviation(model.config)
    for module in model.modules():
        if isinstance(module, nn.Embedding | nn.Linear):
            scale = 2 * std if isinstance(module, nn.Embedding) else std
            module.weight.copy_(torch.empty(module.weight.shape).normal_(0.0, scale, generator=generator))
        elif module._parameters:
            for parameter in module.parameters(recurse=False):
                parameter.fill_(1.0)
