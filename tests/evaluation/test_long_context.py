"""Probes of a long context: what items are, and that reading them in chunks scores them as one pass does."""

from __future__ import annotations

import pytest
import torch

from components.core.errors import BadInput
from components.evaluation.long_context import OPTIONS, PROBES, make_item, option_log_probabilities, run_probe
from components.tokenizer import TextTokenizer
from components.tokenizer.train import learn_tokenizer
from tests.small_model import small_model
from tests.small_tokenizer import write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> TextTokenizer:
    texts = ["The code of the amber lamp is 12. The red box is in the cellar, moved to the garden."] * 4
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer", learn_tokenizer(texts, 400))


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("tokens", [512, 3000])
def test_an_item_fits_its_length_and_its_context_decides_it(tokenizer: TextTokenizer, probe: str, tokens: int) -> None:
    places = set()
    for index in range(8):
        item = make_item(probe, tokenizer, tokens, 0, index, 8)
        assert item == make_item(probe, tokenizer, tokens, 0, index, 8)
        assert item != make_item(probe, tokenizer, tokens, 1, index, 8)
        assert tokens - 160 <= len(item.context) <= tokens
        assert len(set(item.options)) == OPTIONS
        text = tokenizer.decode(item.context)
        question = text[text.rindex("The ") :]
        options = [tokenizer.decode(option) for option in item.options]
        if probe == "needle":
            answer = text[text.index(question) + len(question) :][:5]
        else:
            call = '"thing":"' + question.removeprefix("The ").removesuffix(" is in the") + '","to":"'
            answer = " " + text[text.rindex(call) + len(call) :].partition('"')[0]
            assert text.count(call) == OPTIONS or tokens == 512
        assert options[item.answer] == answer
        places.add(item.answer)
    assert len(places) > 1


@pytest.mark.parametrize("probe", PROBES)
def test_chunks_score_options_as_whole_rows_do(tokenizer: TextTokenizer, probe: str) -> None:
    model = small_model(tokenizer)
    item = make_item(probe, tokenizer, 700, 0, 1, 3)
    expected = []
    with torch.no_grad():
        for option in item.options:
            ids = torch.tensor([[*item.context, *option]])
            log_p = model(ids)[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])
            expected.append(float(log_p[-len(option) :].sum()))
    for prefill_tokens in (97, 4096):
        assert option_log_probabilities(model, item, prefill_tokens) == pytest.approx(expected, abs=1e-4)


def test_a_run_counts_right_answers_with_their_interval(tokenizer: TextTokenizer) -> None:
    result = run_probe(small_model(tokenizer), tokenizer, "state", tokens=512, items=4, seed=0)
    assert 0 <= result.accuracy.low <= result.accuracy.estimate <= result.accuracy.high <= 1


def test_what_cannot_be_probed_is_named(tokenizer: TextTokenizer) -> None:
    with pytest.raises(BadInput, match="probe = 'haystack': choose one of"):
        make_item("haystack", tokenizer, 1024, 0, 0, 1)
    with pytest.raises(BadInput, match="tokens = 100: must be at least 512"):
        make_item("needle", tokenizer, 100, 0, 0, 1)
