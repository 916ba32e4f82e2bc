"""A tokenizer with real merges, the Factbook as ingest writes it, and every task family over it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from lessons import Lesson, teach

from components.agent.calculator import CALCULATOR
from components.agent.environment import TaskFamily
from components.agent.factbook import SEARCH, Knowledge
from components.agent.families import load_families
from components.corpus.documents import Document, read_lines, text_id, write_documents
from components.tokenizer import SPECIAL_TOKENS, TextTokenizer
from components.tokenizer.bpe import MergeList, continue_merges
from components.tokenizer.pretokenizer import byte_alphabet
from components.tokenizer.text import build_tokenizer
from components.tokenizer.train import count_pieces

STARTER = Path("components/corpus/starter/factbook.jsonl.zst")


@pytest.fixture(scope="session")
def tokenizer() -> TextTokenizer:
    learned = MergeList(tokens=list(byte_alphabet()))
    texts = [
        CALCULATOR.to_json(),
        SEARCH.to_json(),
        "The answer is what the tool gives. Compute the sum.",
        "你好世界",
    ] * 3
    continue_merges(learned, count_pieces(texts), 400 - len(SPECIAL_TOKENS))
    return TextTokenizer(build_tokenizer(learned), "test")


@pytest.fixture(scope="session")
def factbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/raw/factbook, from the starter corpus."""
    directory = tmp_path_factory.mktemp("raw") / "factbook"
    documents = []
    for line in read_lines(STARTER):
        entry = json.loads(line)
        documents.append(
            Document(
                id=text_id(entry["text"]),
                text=entry["text"],
                domain="encyclopedic",
                language="en",
                source="factbook",
                licence="public-domain",
                path=entry["path"],
                metadata=entry["metadata"],
            )
        )
    write_documents(directory, documents)
    return directory


@pytest.fixture(scope="session")
def knowledge(factbook: Path) -> Knowledge:
    return Knowledge.load(factbook)


@pytest.fixture(scope="session")
def families(knowledge: Knowledge) -> Mapping[str, TaskFamily]:
    return load_families(knowledge)


@pytest.fixture(scope="session")
def lesson(families: Mapping[str, TaskFamily], tokenizer: TextTokenizer) -> Lesson:
    return teach(families, tokenizer)
