"""Best-fit packing: nothing lost, nothing twice, no document across a row's border."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.tokens import PackResult, TokenDocument, pack
from components.tokens.rows import best_fit

ROW = 16


@st.composite
def documents(draw: st.DrawFn) -> list[TokenDocument]:
    """Documents whose ids are unique over all of them, so that every token can be found again."""
    drawn: list[TokenDocument] = []
    following = 0
    for _ in range(draw(st.integers(0, 25))):
        length = draw(st.integers(1, 3 * ROW))
        ids = np.arange(following, following + length, dtype=np.uint32)
        weights = ids.astype(np.float16) if draw(st.booleans()) else None
        drawn.append(TokenDocument(ids=ids, weights=weights, cut_allowed=draw(st.booleans())))
        following += length
    return drawn


def pieces(result: PackResult) -> list[tuple[int, ...]]:
    found = []
    for row in result.rows:
        starts = (0, *row.ends[:-1])
        found += [tuple(row.ids[start:end].tolist()) for start, end in zip(starts, row.ends, strict=True)]
    return found


@settings(deadline=None)
@given(documents())
def test_every_kept_token_stands_once_in_whole_documents(given_documents: list[TokenDocument]) -> None:
    result = pack(given_documents, ROW)
    expected = []
    dropped = [one for one in given_documents if len(one.ids) > ROW and not one.cut_allowed]
    for document in given_documents:
        if len(document.ids) <= ROW:
            expected.append(tuple(document.ids.tolist()))
        elif document.cut_allowed:
            ids = document.ids.tolist()
            expected += [tuple(ids[start : start + ROW]) for start in range(0, len(ids), ROW)]
    assert sorted(pieces(result)) == sorted(expected)
    assert all(len(row.ids) == row.ends[-1] <= ROW for row in result.rows)
    assert result.documents == len(given_documents) - len(dropped)
    assert result.dropped_documents == len(dropped)
    assert result.dropped_tokens == sum(len(document.ids) for document in dropped)
    assert result.tokens == sum(len(row.ids) for row in result.rows)
    assert result.tokens + result.dropped_tokens == sum(len(document.ids) for document in given_documents)


@settings(deadline=None)
@given(documents())
def test_weights_stay_on_their_tokens(given_documents: list[TokenDocument]) -> None:
    result = pack(given_documents, ROW)
    weight_of = {
        int(number): np.float16(1) if document.weights is None else weight
        for document in given_documents
        for number, weight in zip(
            document.ids, document.ids if document.weights is None else document.weights, strict=True
        )
    }
    kept_weights = any(
        document.weights is not None and (document.cut_allowed or len(document.ids) <= ROW)
        for document in given_documents
    )
    for row in result.rows:
        assert (row.weights is not None) == kept_weights
        if row.weights is not None:
            assert row.weights.tolist() == [weight_of[number] for number in row.ids.tolist()]


@given(st.lists(st.integers(1, 20), max_size=60))
def test_each_item_goes_where_the_least_room_is_left(lengths: list[int]) -> None:
    """The bucket search against a plain look at every open group."""
    groups = best_fit(lengths, 20)
    assert sorted(item for group in groups for item in group) == list(range(len(lengths)))
    rooms: list[int] = []
    for item in sorted(range(len(lengths)), key=lambda number: (-lengths[number], number)):
        fitting = [room for room in rooms if room >= lengths[item]]
        rooms.remove(min(fitting)) if fitting else None
        rooms.append((min(fitting) if fitting else 20) - lengths[item])
    assert sorted(rooms) == sorted(20 - sum(lengths[item] for item in group) for group in groups)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
def test_no_two_rows_could_be_one(lengths: list[int]) -> None:
    sums = sorted(sum(lengths[item] for item in group) for group in best_fit(lengths, 20))
    assert len(sums) < 2 or sums[0] + sums[1] > 20


def test_rows_count_the_bytes_their_tokens_stand_for() -> None:
    byte_lengths = np.array([0, 1, 2, 3])
    ids = np.array([0, 1, 2, 3, 3], dtype=np.uint32)
    assert [row.bytes for row in pack([TokenDocument(ids=ids)], 4, byte_lengths).rows] == [6, 3]
    assert pack([TokenDocument(ids=ids)], 5).rows[0].bytes is None


def test_efficiency_is_the_filled_share() -> None:
    ids = np.zeros(6, dtype=np.uint32)
    assert pack([TokenDocument(ids=ids), TokenDocument(ids=ids)], 8).efficiency == 12 / 16
    assert pack([], 8).efficiency == 1.0
