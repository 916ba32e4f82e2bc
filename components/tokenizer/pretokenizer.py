"""The Youtu pre-tokenizer: where text is cut before merges are learned or applied.

Two successive cuts. First, runs of Hangul, of CJK punctuation, of bopomofo and of Han with kana become pieces of
their own, so no merge crosses scripts. Then words (with one leading non-letter and an attached English contraction),
single digits, punctuation runs and white space. The classes are those llama.cpp applies for `tokenizer.ggml.pre =
youtu`; they have to match it character by character, or a GGUF of the model reads other ids than the model learned.
Contractions list both cases instead of `(?i:...)`, under which Unicode case folding would also take a long s.
"""

from __future__ import annotations

from functools import cache

from tokenizers import Regex
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Sequence, Split

_HANGUL = r"[\uAC00-\uD7A3\u3131-\u318E]+"
_CJK_PUNCTUATION = r"[\uFF01\u2026\u201C\u201D\u2018\u2019\u2014\uFF1A\uFF1B\uFF0C\u3001-\u303F\uFE30-\uFE4F]+"
_BOPOMOFO = r"[\u3105-\u312F]+"
_HAN_AND_KANA = r"[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+"
SCRIPT_RUNS = "|".join((_HANGUL, _CJK_PUNCTUATION, _BOPOMOFO, _HAN_AND_KANA))

_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_LEAD = r"[^\r\n\p{L}\p{N}]?"
_CONTRACTION = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?"
WORD_SHAPES = "|".join(
    (
        f"{_LEAD}{_UPPER}*{_LOWER}+{_CONTRACTION}",
        f"{_LEAD}{_UPPER}+{_LOWER}*{_CONTRACTION}",
        r"\p{N}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)


def build_pre_tokenizer() -> PreTokenizer:
    """The cuts above, then one printable character for every byte (pieces of `pre_tokenize_str` are such strings)."""
    return Sequence(
        [
            Split(Regex(_unescape(SCRIPT_RUNS)), behavior="isolated"),
            Split(Regex(WORD_SHAPES), behavior="isolated"),
            ByteLevel(add_prefix_space=False, use_regex=False, trim_offsets=False),
        ]
    )


@cache
def byte_alphabet() -> tuple[str, ...]:
    r"""The 256 characters that stand for bytes, in code point order (the order `BpeTrainer` numbers them in)."""
    return tuple(sorted(ByteLevel.alphabet()))


def _unescape(pattern: str) -> str:
    r"""Oniguruma knows no \uXXXX: write the characters themselves."""
    return pattern.encode("ascii").decode("unicode_escape")
