"""Hypothesis strategies for conversations: hostile text everywhere a stranger may write."""

from __future__ import annotations

from hypothesis import strategies as st

from components.agent.messages import Message, ToolCall, ToolSpec
from components.agent.turns import compose_turn
from components.core.special_tokens import MARKERS

_characters = st.characters(exclude_categories=["Cs"])
hostile = st.lists(st.one_of(st.text(_characters, max_size=12), st.sampled_from(MARKERS)), max_size=4).map("".join)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | hostile,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(hostile, inner, max_size=2),
    max_leaves=4,
)
_calls = st.lists(
    st.builds(ToolCall, name=hostile, arguments=st.dictionaries(hostile, _values, max_size=2)), max_size=2
)
_given = st.builds(Message, st.sampled_from(("system", "user", "tool")), hostile)
_turns = st.builds(
    compose_turn, analysis=hostile, plan=hostile, reflection=hostile, calls=_calls.map(tuple), summary=hostile
)
_raw = st.builds(Message, st.just("assistant"), hostile)
conversations = st.lists(_given | _turns | _raw, max_size=6)
toolsets = st.lists(
    st.builds(ToolSpec, name=hostile, description=hostile, parameters=st.dictionaries(hostile, _values, max_size=2)),
    max_size=2,
).map(tuple)
