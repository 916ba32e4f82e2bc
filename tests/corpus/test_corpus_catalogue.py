"""The catalogue: what it accepts and refuses, and that the starter corpus in the repository is what it says."""

import re
from pathlib import Path

import pytest

from components.core.errors import BadInput
from components.core.lineage import sha256_file
from components.corpus.catalogue import CATALOGUE, choose, load_catalogue
from components.corpus.documents import read_lines
from components.corpus.sources import STARTER, read_source
from tests.corpus.conftest import REPOSITORY, write_catalogue

_HASH = "0" * 64


def test_every_starter_file_is_the_pinned_one_and_in_the_notice() -> None:
    catalogue = load_catalogue(CATALOGUE)
    starters = {name: source for name, source in catalogue.sources.items() if source.kind == "starter"}
    notice = (STARTER / "NOTICE.md").read_text()
    assert {path.name for path in STARTER.glob("*.zst")} == {source.file for source in starters.values()}
    for name, source in starters.items():
        assert sha256_file(STARTER / source.file) == source.sha256, name
        row = re.search(rf"^\| `{name}` \|.*\| (\S+) \| ([\d,]+) \| ([\d,]+) \|$", notice, re.MULTILINE)
        assert row, f"{name} is not in NOTICE.md"
        documents = list(read_source(name, source))
        assert row.group(1) == source.licence
        assert int(row.group(2).replace(",", "")) == len(documents)
        assert int(row.group(3).replace(",", "")) == sum(len(document.text.encode()) for document in documents)


def test_the_starter_is_large_enough_in_both_languages_and_small_in_git() -> None:
    catalogue = load_catalogue(CATALOGUE)
    text_bytes = {"en": 0, "zh": 0, "python": 0}
    for name, source in catalogue.sources.items():
        if source.kind == "starter":
            text_bytes[source.language] += sum(len(doc.text.encode()) for doc in read_source(name, source))
    assert sum(text_bytes.values()) >= 10_000_000
    assert min(text_bytes.values()) >= 1_000_000
    assert sum(path.stat().st_size for path in STARTER.glob("*.zst")) <= 6_000_000


def test_the_factbook_carries_facts_that_its_text_states() -> None:
    countries = list(read_source("factbook", load_catalogue(CATALOGUE).sources["factbook"]))
    names = [document.metadata["country"] for document in countries]
    assert len(set(names)) == len(names) >= 200
    with_capital = 0
    for document in countries:
        for field, value in document.metadata["fields"].items():
            assert 0 < len(value) <= 48 and value in document.text, (document.path, field, value)
        if capital := document.metadata["fields"].get("capital"):
            with_capital += 1
            assert f"The capital of {document.metadata['country']} is {capital}." in document.text
    assert with_capital >= 200
    france = next(document for document in countries if document.metadata["country"] == "France")
    assert france.metadata["fields"]["capital"] == "Paris"


def test_starter_lines_hold_no_address_of_this_machine() -> None:
    for path in STARTER.glob("*.zst"):
        assert not any(str(REPOSITORY) in line for line in read_lines(path))


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"kind": "ftp", "url": "ftp://a"}, "kind"),
        ({"kind": "http", "url": "http://a"}, "sha256"),
        ({"kind": "http", "url": "gopher://a", "sha256": _HASH}, "url"),
        ({"kind": "local", "path": "a", "sha256": "123"}, "sha256"),
        ({"kind": "huggingface", "dataset": "a/b"}, "revision"),
        ({"kind": "huggingface", "dataset": "a/b", "revision": "main"}, "revision"),
        ({"kind": "starter", "file": "a", "sha256": _HASH, "licence": ""}, "licence"),
        ({"kind": "starter", "file": "a", "sha256": _HASH, "domain": "gossip"}, "domain"),
        ({"kind": "starter", "file": "a", "sha256": _HASH, "sha265": _HASH}, "sha265"),
    ],
)
def test_a_wrong_entry_is_refused_by_source_and_field(tmp_path: Path, entry: dict, says: str) -> None:
    with pytest.raises(BadInput) as error:
        load_catalogue(write_catalogue(tmp_path / "catalogue.yaml", {"mine": entry}))
    assert "sources.mine" in str(error.value) and says in str(error.value)


def test_unknown_and_repeated_names_are_refused() -> None:
    sources = load_catalogue(CATALOGUE).sources
    with pytest.raises(BadInput, match="did you mean 'wordnet'"):
        choose(sources, ("wordnett",))
    with pytest.raises(BadInput, match=r"choose one of .*austen"):
        choose(sources, ("zzz",))
    with pytest.raises(BadInput, match="named twice"):
        choose(sources, ("sotu", "sotu"))
    assert list(choose(sources, ("wordnet", "austen"))) == ["wordnet", "austen"]
