"""A claim holds only with a citation that resolves to a span which says the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.agent.factbook import SEARCH, Knowledge
from components.agent.messages import ToolCall
from components.tasks.research.citations import Citation, Claim, citation_fault, cite, read_claims, resolve
from components.tasks.research.corpus import Corpus
from components.tasks.research.environment import OPEN, ReportEnvironment
from components.tasks.research.pages import Evidence, Page
from components.tasks.research.report import claim

CORPUS = Corpus.of(
    Knowledge(
        {
            "Ada": {"capital": "Yam", "population": "1,000", "language": "Ug"},
            "Bor": {"capital": "Yam", "population": "20"},
        }
    )
)
(CAPITAL,) = CORPUS.passages("Ada", "capital")
(POPULATION,) = CORPUS.passages("Ada", "population")
OPENED = {page.id: page.sha256 for page in CORPUS.pages.values()}
REPORT = f"{claim(CAPITAL, dated=False)} {claim(POPULATION, dated=False)}"


def fault(answer: str, opened: dict[str, str] | None = None, *, dated: bool = False) -> str | None:
    return citation_fault(answer, (CAPITAL, POPULATION), CORPUS, OPENED if opened is None else opened, dated=dated)


def test_a_report_with_sources_holds() -> None:
    assert REPORT == (
        "The capital of Ada is Yam [ada/government:22-34]. The population of Ada is 1,000 [ada/people:31-48]."
    )
    assert fault(REPORT) is None
    assert fault(REPORT.replace(". The", ", and the")) is None, "no sentence is needed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace(" [ada/people:31-48]", ""), "uncited"),
        (lambda text: text + " It is a fine place.", "uncited"),
        (lambda text: "", "nothing on capital"),
        (lambda text: text.split(". ")[0], "nothing on population"),
        (lambda text: text.replace("ada/people", "ada/nowhere"), "was not opened"),
        (lambda text: text.replace("31-48", "18-30"), "language is not claimed"),
        (lambda text: text.replace("31-48", "18-48"), "no span of one line"),
        (lambda text: text.replace("31-48", "0-48"), "no span of one line"),
        (lambda text: text.replace("31-48", "31-49"), "no span of one line"),
        (lambda text: text.replace("31-48", "48-31"), "no span of one line"),
        (lambda text: text.replace("31-48", "31-31"), "no span of one line"),
        (lambda text: text.replace("31-48", "900-999"), "no span of one line"),
        (lambda text: text.replace("31-48", "31-42"), "does not hold the value"),
        (lambda text: text.replace("1,000", "1,001"), "1,000 is not claimed"),
        (lambda text: text.replace("population of Ada", "population of Bor"), "Ada is not claimed"),
        (lambda text: text.replace("The capital", "The seat"), "capital is not claimed"),
        (lambda text: text.replace("ada/government", "bor/government"), "Bor is not claimed"),
        (lambda text: text.replace("is Yam", "is Yam or Zed or Oak or perhaps any other place you like"), "says more"),
    ],
)
def test_every_way_to_cite_badly_is_refused(change: object, message: str) -> None:
    assert callable(change)
    assert message in (fault(change(REPORT)) or "")


def test_only_opened_and_unchanged_pages_count() -> None:
    assert fault(REPORT, {}) == "ada/government was not opened"
    assert fault(REPORT, {**OPENED, "ada/people": "0" * 64}) == "ada/people has another hash"
    assert fault(REPORT, {**OPENED, "ada/gone": "0" * 64}) is None
    gone = f"The capital of Ada is Yam {Citation(page='ada/gone', start=22, end=34)}."
    assert fault(gone, {**OPENED, "ada/gone": "0" * 64}) == "no page ada/gone"


def test_years_are_claimed_where_they_count() -> None:
    dated = f"{claim(CAPITAL, dated=True)} {claim(POPULATION, dated=True)}"
    assert fault(dated, dated=True) is None
    assert "2015 is not claimed" in (fault(REPORT, dated=True) or "")
    assert "2015 is not claimed" in (fault(dated.replace("in 2015", "in 2009"), dated=True) or "")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_a_span_resolves_only_to_a_line_whose_value_it_holds(start: int, end: int) -> None:
    page = CORPUS.pages["ada/people"]
    found = resolve(Evidence(page=page.id, sha256=page.sha256, start=start, end=end), CORPUS)
    cut = page.text[start:end]
    if isinstance(found, str):
        assert found
    else:
        assert found.value in cut and "\n" not in cut


def test_a_changed_page_no_longer_supports_what_was_read() -> None:
    assert resolve(CAPITAL.evidence, CORPUS) == CAPITAL
    changed = Corpus(
        [Page(id="ada/government", country="Ada", section="government", year=2015, facts=(("capital", "Zed"),))]
    )
    assert resolve(CAPITAL.evidence, changed) == "ada/government has another hash"
    assert resolve(replace(CAPITAL.evidence, page="ada/x"), CORPUS) == "no page ada/x"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text("[]:-0123 ad/.", max_size=40))
def test_any_answer_can_be_judged(text: str) -> None:
    assert fault(text) is not None
    for found in read_claims(text):
        assert isinstance(found, Claim)


def test_several_sources_may_stand_behind_one_claim() -> None:
    one, other = cite(CAPITAL.evidence), cite(POPULATION.evidence)
    (only,) = read_claims(f"Both {one} {other}.")
    assert only.text == "Both  " and [str(citation) for citation in only.citations] == [one, other]


def test_a_report_counts_only_after_its_pages_were_opened() -> None:
    def environment() -> ReportEnvironment:
        return ReportEnvironment(
            tools=(SEARCH, OPEN),
            corpus=CORPUS,
            needed=(CAPITAL, POPULATION),
            wanted=(CAPITAL, POPULATION),
        )

    searched, opened = environment(), environment()
    for query in ("Ada capital", "Ada population"):
        searched.execute(ToolCall(name="search", arguments={"query": query}))
    assert searched.read.issuperset(searched.needed) and not searched.verify(REPORT)
    for page in ("ada/government", "ada/people"):
        assert not opened.verify(REPORT)
        opened.execute(ToolCall(name="open", arguments={"page": page}))
    assert opened.verify(REPORT) and not opened.verify("Yam and 1,000")
