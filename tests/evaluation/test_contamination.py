"""Items that training has seen are found in the tokens it was trained on."""

from __future__ import annotations

import numpy as np

from components.evaluation.bits_per_byte import HeldOutDocument
from components.evaluation.contamination import WINDOW_TOKENS, find_contaminated
from components.evaluation.task_items import read_texts
from components.tokenizer import TextTokenizer


def test_an_item_inside_a_training_document_is_found(tokenizer: TextTokenizer) -> None:
    texts = dict(read_texts(["hellaswag_sample"], 20))
    name, text = list(texts.items())[7]
    ids = [np.array(tokenizer.encode(part)) for part in ("An unrelated page.\n", f"Before it. {text} After it.")]
    clean = find_contaminated(ids[:1], ["hellaswag_sample"], 20, [], tokenizer)
    assert clean["contaminated"] == [] and clean["items"] == 20
    assert find_contaminated(ids, ["hellaswag_sample"], 20, [], tokenizer)["contaminated"] == [name]


def test_one_other_token_in_every_window_hides_nothing_but_itself(tokenizer: TextTokenizer) -> None:
    ((_, text),) = read_texts(["hellaswag_sample"], 1)
    ids = np.array(tokenizer.encode(text))
    broken = ids.copy()
    broken[:: WINDOW_TOKENS - 1] = tokenizer.eos_id
    assert find_contaminated([broken], ["hellaswag_sample"], 1, [], tokenizer)["contaminated"] == []


def test_held_out_text_reports_the_share_of_windows_seen(tokenizer: TextTokenizer) -> None:
    generator = np.random.default_rng(0)
    known, new = generator.integers(0, 200, size=(2, 200))

    def document(ids: np.ndarray) -> HeldOutDocument:
        ids = np.concatenate([[tokenizer.bos_id], ids])
        return HeldOutDocument(domain="code", id="x", ids=ids, token_bytes=np.ones(len(ids), dtype=np.int64))

    def share(*documents: np.ndarray) -> float:
        found = find_contaminated([known], ["factbook_cloze"], 1, [document(ids) for ids in documents], tokenizer)
        return float(found["held_out_shared"]["code"])

    assert share(new) == 0.0
    assert share(known) == 1.0
    assert share(known, new) == 0.5
