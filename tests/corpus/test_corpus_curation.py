"""The blocks of curation one by one: words, filters, decontamination windows, the shape of MinHash."""

import json
import math
from pathlib import Path

import pytest
from datatrove.data import Document as TroveDocument
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import BadInput
from components.corpus.curation.decontamination import DecontaminationFilter, benchmark_windows
from components.corpus.curation.filters import (
    CodeFilter,
    ForDomains,
    LanguageFilter,
    SubstanceFilter,
    language_score,
    non_alpha_share,
)
from components.corpus.curation.pipeline import minhash_config
from components.corpus.curation.words import MixedScriptWords, bare_words, count_words, han_share
from tests.corpus.conftest import prose

POEM = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。"


def trove(text: str, **metadata: str) -> TroveDocument:
    return TroveDocument(text=text, id="0", metadata={"domain": "general", "language": "en"} | metadata)


@settings(deadline=None)
@given(st.text())
def test_words_cover_the_text_in_order_and_nothing_else(text: str) -> None:
    words = MixedScriptWords().word_tokenize(text)
    assert "".join(words) == "".join(text.split())
    assert all(word and not word.isspace() for word in words)


def test_words_of_mixed_scripts() -> None:
    assert MixedScriptWords().word_tokenize("GPT-2 写 了2首诗，ok!") == [
        "GPT",
        "-",
        "2",
        "写",
        "了",
        "2",
        "首",
        "诗",
        "，",
        "ok",
        "!",
    ]
    assert count_words(POEM) == 20
    assert han_share(POEM) == 1.0
    assert han_share("ab床前") == 0.5
    assert han_share("12 34") == 0.0


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="İı")))
def test_bare_words_do_not_depend_on_case_or_layout(text: str) -> None:
    """But for the Turkish i with and without its dot, whose other cases Unicode gives to the Latin one."""
    words = bare_words(text)
    assert bare_words("\n\t " + "  ,\n".join(words) + "!?") == [part for word in words for part in bare_words(word)]
    assert bare_words(" ".join(words).upper()) == bare_words(" ".join(words))


@settings(deadline=None)
@given(st.text())
def test_shares_are_shares(text: str) -> None:
    assert 0 <= non_alpha_share(text) <= 1
    assert 0 <= han_share(text) <= 1


def test_substance() -> None:
    block = SubstanceFilter(min_words=4, max_non_alpha_share=0.6)
    assert block.filter(trove("Four words are enough.")) is True
    assert block.filter(trove("Three words here.")) == (False, "short")
    assert block.filter(trove("3.14159 + 2.71828 = 5.85987 ok")) == (False, "non_alpha")
    assert block.filter(trove(POEM)) is True


def test_language_tells_what_a_text_is_not() -> None:
    block = LanguageFilter(min_score=0.3)
    german = "Der alte Mann ging am Abend durch den Wald nach Hause, denn es wurde dunkel und kalt. " * 5
    assert block.filter(trove(prose(1))) is True
    assert block.filter(trove(german)) == (False, "language")
    assert block.filter(trove(german, language="de")) is True
    assert block.filter(trove(POEM, language="zh")) is True
    assert block.filter(trove(prose(1), language="zh")) == (False, "language")
    assert block.filter(trove("x = 1", language="python")) is True
    assert language_score(prose(1), "en") > 0.5 > language_score(german, "en")


def test_code_must_parse_and_have_been_written() -> None:
    block = CodeFilter()
    code = {"domain": "code", "language": "python"}
    assert block.filter(trove("def double(x):\n    return 2 * x\n", **code)) is True
    assert block.filter(trove("def double(x)\n    return 2 * x\n", **code)) == (False, "code_syntax")
    assert block.filter(trove("x = '" + "a" * 2_000 + "'\n", **code)) == (False, "code_long_lines")
    assert block.filter(trove("match \\d\nx = '\\d'\n", **code)) == (False, "code_syntax")
    assert block.filter(trove("x = '\\d'\n", **code)) is True, "an odd escape is a warning, not an error"


def test_a_filter_for_some_domains_lets_others_pass() -> None:
    block = ForDomains(("code",), CodeFilter())
    assert block.filter(trove("no code (", domain="code", language="python")) == (False, "code_syntax")
    assert block.filter(trove("no code (", domain="general", language="python")) is True


def _benchmark(folder: Path, *items: object, name: str = "quiz") -> Path:
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "deep" / f"{name}.jsonl").write_text("\n".join(json.dumps(item) for item in items))
    return folder


QUESTION = "Which of the seven bridges that cross the river Pregel in the old town was closed by the mayor in 1736"


def test_a_leaked_question_is_found_in_any_layout(tmp_path: Path) -> None:
    tasks = _benchmark(tmp_path, {"query": QUESTION, "choices": ["the green one", "the honey bridge"], "gold": 1})
    block = DecontaminationFilter(benchmark_windows(tasks, 13))
    assert block.filter(trove(prose(1))) is True
    leaked = "\n\n* ".join(QUESTION.upper().split()[:13])
    assert block.filter(trove(f"{prose(1)} {leaked}")) == (False, "contaminated_quiz")
    assert block.filter(trove(f"{prose(1)} " + " ".join(QUESTION.split()[:12]))) is True, "one word short of a window"
    assert block.filter(trove(QUESTION.replace("Pregel", "Main"))) is True, "another river: no common window of 13"


def test_chinese_is_matched_by_characters(tmp_path: Path) -> None:
    block = DecontaminationFilter(benchmark_windows(_benchmark(tmp_path, {"text": POEM}), 13))
    assert block.filter(trove("詩曰：" + POEM[:17].replace("，", " "))) == (False, "contaminated_quiz")
    assert block.filter(trove(POEM[:12])) is True


def test_short_items_are_matched_whole_if_they_mean_something(tmp_path: Path) -> None:
    short = "What is the boiling point of water at sea level"
    block = DecontaminationFilter(benchmark_windows(_benchmark(tmp_path, {"q": short}, {"q": "2 + 2 ="}), 13))
    assert block.filter(trove(f"He asked: {short.lower()}?")) == (False, "contaminated_quiz")
    assert block.filter(trove("It is known that 2 + 2 = 4, whatever they say.")) is True


def test_no_benchmarks_and_broken_ones(tmp_path: Path) -> None:
    assert benchmark_windows(tmp_path / "nowhere", 13) == {}
    assert DecontaminationFilter({}).filter(trove(prose(1))) is True
    (tmp_path / "bad.jsonl").write_text('{"a": 1}\n{"a": ')
    with pytest.raises(BadInput, match=r"bad\.jsonl: line 2: not JSON"):
        benchmark_windows(tmp_path, 13)


@settings(deadline=None, max_examples=25)
@given(
    words=st.lists(
        st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"]), min_size=13, max_size=40
    ),
    length=st.integers(5, 13),
    data=st.data(),
)
def test_every_window_of_an_item_is_found_wherever_it_stands(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], length: int, data: st.DataObject
) -> None:
    tasks = _benchmark(tmp_path_factory.mktemp("tasks"), {"text": " ".join(words)})
    block = DecontaminationFilter(benchmark_windows(tasks, length))
    start = data.draw(st.integers(0, len(words) - length))
    window = " ".join(words[start : start + length])
    before, after = data.draw(st.text(max_size=20)), data.draw(st.text(max_size=20))
    assert block.filter(trove(f"{before} {window} {after}")) == (False, "contaminated_quiz")


@given(st.floats(0.3, 0.95))
def test_the_steep_part_of_the_minhash_curve_lies_at_the_threshold(threshold: float) -> None:
    config = minhash_config(threshold)
    bands, rows = config.num_buckets, config.hashes_per_bucket
    assert 56 <= bands * rows <= 112
    assert math.isclose((1 / bands) ** (1 / rows), threshold, abs_tol=0.04)

    def caught(similarity: float) -> float:
        return 1 - (1 - similarity**rows) ** bands

    assert caught(min(1.0, threshold + 0.15)) > 0.6 and caught(threshold - 0.25) < 0.3
