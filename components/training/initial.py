"""The stage `init_model`: random weights in the shape of `params.model`, for the vocabulary of the tokenizer."""

from __future__ import annotations

from components.core.errors import BadInput
from components.core.params import Params
from components.core.stage import StageContext
from components.tokenizer import TextTokenizer, load_tokenizer
from components.training.checkpoint import write_initial
from components.training.layout import TOKENIZER
from model import MLAConfig, MLATransformer
from model.init import initialise


def run(context: StageContext) -> None:
    """Write checkpoints/init. Raises BadInput if the tokenizer is missing or the shape is impossible."""
    tokenizer = load_tokenizer(TOKENIZER)
    model = draw_model(context.params, tokenizer)
    write_initial(model, tokenizer_sha256=tokenizer.sha256)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    context.tracker.log_metrics({"parameters": parameters, "parameters_embedding": model.head_weight.numel()})
    context.progress.update(1, 1, "checkpoints", parameters=parameters)


def draw_model(params: Params, tokenizer: TextTokenizer) -> MLATransformer:
    """The model with the weights that the seed gives. Raises BadInput if the shape is impossible."""
    try:
        config = MLAConfig(
            **params.model.model_dump(),
            vocab_size=tokenizer.vocab_size,
            bos_token_id=tokenizer.bos_id,
            eos_token_id=tokenizer.eos_id,
            pad_token_id=tokenizer.pad_id,
        )
    except ValueError as error:
        raise BadInput(f"model.{error}") from None
    model = MLATransformer(config)
    initialise(model, params.seed)
    return model
