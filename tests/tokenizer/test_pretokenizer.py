"""Where the Youtu pre-tokenizer cuts text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.tokenizer.pretokenizer import build_pre_tokenizer, byte_alphabet


def cuts(text: str) -> list[str]:
    """Pieces as text: the offsets count characters of the text."""
    spans = [span for _, span in build_pre_tokenizer().pre_tokenize_str(text)]
    return [text[start:stop] for start, stop in spans]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        # digits are single, whatever stands around them
        ("in 1984, 3.14", ["in", " ", "1", "9", "8", "4", ",", " ", "3", ".", "1", "4"]),
        ("x86_64", ["x", "8", "6", "_", "6", "4"]),
        ("٣٤", ["٣", "٤"]),
        # a word takes one leading non-letter and its contraction, in either case
        ("I don't, WE'LL", ["I", " don't", ",", " WE'LL"]),
        ("they've 'tis", ["they've", " '", "tis"]),
        ("rock'n'roll", ["rock", "'n", "'roll"]),
        # word shapes: capitals start a new word after small letters
        ("camelCaseHTTPServer", ["camel", "Case", "HTTPServer"]),
        # scripts are cut apart, and from their punctuation
        ("我爱Python编程。", ["我爱", "Python", "编程", "。"]),
        ("你好，世界！……", ["你好", "，", "世界", "！……"]),
        ("ひらがなカタカナ漢字", ["ひらがなカタカナ漢字"]),
        ("한국어와English", ["한국어와", "English"]),
        ("한국漢字", ["한국", "漢字"]),
        ("ㄅㄆㄇ注音", ["ㄅㄆㄇ", "注音"]),
        ("价格是 25元", ["价格是", " ", "2", "5", "元"]),
        # punctuation runs with a leading space and trailing newlines or slashes
        ("a //b", ["a", " //", "b"]),
        ("end.\n\nNext", ["end", ".\n\n", "Next"]),
        # the last space of a run belongs to the word behind it
        ("a   b", ["a", "  ", " b"]),
        ("if x:\n    y", ["if", " x", ":\n", "   ", " y"]),
        ("tail   ", ["tail", "   "]),
        # not folded: a long s is no contraction
        ("it'ſ", ["it", "'ſ"]),
    ],
)
def test_cuts(text: str, pieces: list[str]) -> None:
    assert cuts(text) == pieces


@given(st.text(max_size=200))
def test_pieces_are_the_text_in_bytes(text: str) -> None:
    pieces = [piece for piece, _ in build_pre_tokenizer().pre_tokenize_str(text)]
    assert sum(len(piece) for piece in pieces) == len(text.encode())
    assert set("".join(pieces)) <= set(byte_alphabet())


@given(st.text(alphabet=st.characters(categories=["N"]), min_size=1, max_size=50))
def test_no_piece_holds_two_digits(digits: str) -> None:
    assert cuts(digits) == list(digits)


def test_the_alphabet_is_one_character_a_byte() -> None:
    assert len(set(byte_alphabet())) == 256
