"""Documents to vocabulary: byte-level BPE with the Youtu pre-tokenizer, learned in stages."""

from components.core.special_tokens import SPECIAL_TOKENS
from components.tokenizer.text import TextTokenizer, load_tokenizer

__all__ = ["SPECIAL_TOKENS", "TextTokenizer", "load_tokenizer"]
