"""The baselines read exactly the rows that training took."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from stage_workspace import inside

from components.core.errors import BadInput
from components.core.params import Params
from components.evaluation.checkpoint import Checkpoint
from components.evaluation.seen_tokens import seen_documents
from components.tokenizer import TextTokenizer
from components.tokens import TrainingOrder
from components.training.preflight import plan_stage

Rows = Counter[tuple[int, ...]]


def test_replays_the_text_rows_of_the_whole_chain(world: Path, world_params: Params, checkpoint: Checkpoint) -> None:
    with inside(world):
        trained: Rows = Counter()
        for name in ("first", "second"):
            plan = plan_stage(world_params, name)
            order = TrainingOrder(plan.token_directories, plan.mixture, plan.stage.sequence_tokens, plan.order_seed)
            for index in range(plan.steps * plan.stage.batch_rows):
                sample = order[index]
                if sample.domain != "agent_code":
                    for number in range(sample.document_ids.max() + 1):
                        trained[tuple(sample.ids[sample.document_ids == number].tolist())] += 1
        seen: Rows = Counter(tuple(ids.tolist()) for ids in seen_documents(checkpoint.curriculum))
    assert seen == trained
    assert len(seen) > 50


def test_beyond_the_limit_each_stage_keeps_its_share(world: Path, checkpoint: Checkpoint) -> None:
    tokens = world / "data/tokens"
    everything = sum(map(len, seen_documents(checkpoint.curriculum, tokens)))
    some = sum(map(len, seen_documents(checkpoint.curriculum, tokens, max_tokens=everything // 2)))
    assert 0.35 * everything < some <= 0.55 * everything
    assert seen_documents([], tokens) == []


def test_documents_never_run_into_each_other(world: Path, checkpoint: Checkpoint, tokenizer: TextTokenizer) -> None:
    for ids in seen_documents(checkpoint.curriculum, world / "data/tokens"):
        assert not np.isin(ids[1:], [tokenizer.bos_id]).any()
        assert not np.isin(ids[:-1], [tokenizer.eos_id]).any()


def test_missing_shards_are_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    with pytest.raises(BadInput, match=r"manifest\.json: missing"):
        seen_documents(checkpoint.curriculum, tmp_path)
