"""The one writer of Markdown tables."""

from __future__ import annotations

from components.core.markdown import markdown_table


def test_a_line_a_row_each_ended_by_a_newline() -> None:
    assert markdown_table(["stage", "loss"], [["init", ""], ["stem", "2.1"]]) == (
        "| stage | loss |\n| --- | --- |\n| init |  |\n| stem | 2.1 |\n"
    )
    assert markdown_table(["stage"], []) == "| stage |\n| --- |\n"
