"""A tokenizer with real merges, the Factbook as ingest writes it, and every task family over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from lessons import Lesson, teach

from components.agent.calculator import CALCULATOR
from components.agent.environment import TaskFamily
from components.agent.factbook import SEARCH, Knowledge
from components.corpus.catalogue import load_catalogue
from components.corpus.documents import write_documents
from components.corpus.sources import read_source
from components.tasks.kit.registry import load_families
from components.tokenizer import TextTokenizer
from components.tokenizer.train import learn_tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> TextTokenizer:
    texts = [
        CALCULATOR.to_json(),
        SEARCH.to_json(),
        "The answer is what the tool gives. Compute the sum.",
        "你好世界",
    ] * 3
    return TextTokenizer(learn_tokenizer(texts, 400), "test")


@pytest.fixture(scope="session")
def factbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/raw/factbook, from the starter corpus."""
    directory = tmp_path_factory.mktemp("raw") / "factbook"
    write_documents(directory, read_source("factbook", load_catalogue().sources["factbook"]))
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
