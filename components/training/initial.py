"""The stage `init_model`: random weights in the shape of `params.model`, for the vocabulary of the tokenizer."""

from __future__ import annotations

from components.params import BadInput
from components.stage import StageContext
from components.tokenizer import load_tokenizer
from components.training.checkpoint import write_initial
from components.training.layout import TOKENIZER
from model import MLAConfig, MLATransformer
from model.init import initialise


def run(context: StageContext) -> None:
    """Write checkpoints/init. Raises BadInput if the tokenizer is missing or the shape is impossible."""
    tokenizer = load_tokenizer(TOKENIZER)
    try:
        config = MLAConfig(
            **context.params.model.model_dump(),
            vocab_size=tokenizer.vocab_size,
            bos_token_id=tokenizer.bos_id,
            eos_token_id=tokenizer.eos_id,
            pad_token_id=tokenizer.pad_id,
        )
    except ValueError as error:
        raise BadInput(f"model.{error}") from None
    model = MLATransformer(config)
    initialise(model, context.params.seed)
    write_initial(model, tokenizer_sha256=tokenizer.sha256)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    context.tracker.log_metrics({"parameters": parameters, "parameters_embedding": model.head_weight.numel()})
    context.progress.update(1, 1, "checkpoints", parameters=parameters)
