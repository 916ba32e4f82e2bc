"""Training with wide products in 8-bit floats, through torchao (the extra `float8`).

Weights, gradients and optimizer states keep their type; inputs of a product are rounded to float8 with one scale a
tensor, on the fly. That changes results, unlike everything in `model.recompute` or `MLATransformer.compile_blocks`.
Worth it on compiled blocks of a large model alone: casting costs more than it saves where a product is narrow, so the
projections into the two latents stay as they are.
"""

from __future__ import annotations

from torch import nn

from model.transformer import MLATransformer

_WIDE = ("q_b_proj", "kv_b_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_MULTIPLE = 16  # of both dimensions, asked for by the matrix units


def train_in_float8(model: MLATransformer, *, emulate: bool = False) -> None:
    """Replace the wide linears in place; names and weights stay. emulate: round to float8 but multiply as before, which
    any device can do.

    Raises ValueError if torchao is missing or a wide linear has a dimension the matrix units do not take.
    """
    try:
        from torchao.float8 import Float8LinearConfig, convert_to_float8_training
    except ImportError as missing:
        raise ValueError(f"float8: needs torchao ({missing}); pip install '.[float8]' or train without") from None
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and name.endswith(_WIDE):
            for width in (module.in_features, module.out_features):
                if width % _MULTIPLE:
                    raise ValueError(f"float8: {name} is {width} wide; it must be a multiple of {_MULTIPLE}")
    convert_to_float8_training(
        model,
        config=Float8LinearConfig(emulate=emulate),
        module_filter_fn=lambda _module, name: name.endswith(_WIDE),
    )
