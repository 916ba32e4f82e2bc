"""Documents to packed token shards, and the order training reads them in."""

from components.tokens.order import Sample, TrainingOrder
from components.tokens.rows import PackResult, Row, TokenDocument, pack
from components.tokens.shards import write_token_shards

__all__ = ["PackResult", "Row", "Sample", "TokenDocument", "TrainingOrder", "pack", "write_token_shards"]
