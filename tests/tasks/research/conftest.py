"""The Factbook of the starter corpus as ingest writes it, and the families that look things up in it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from research_corpus import FAMILIES

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.corpus.catalogue import load_catalogue
from components.corpus.documents import write_documents
from components.corpus.sources import read_source
from components.tasks.kit.registry import load_families


@pytest.fixture(scope="session")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    directory = tmp_path_factory.mktemp("raw") / "factbook"
    write_documents(directory, read_source("factbook", load_catalogue().sources["factbook"]))
    return Knowledge.load(directory)


@pytest.fixture(scope="session")
def families(knowledge: Knowledge) -> Mapping[str, TaskFamily]:
    return load_families(knowledge, ("factbook_field", "factbook_compare", *FAMILIES))
