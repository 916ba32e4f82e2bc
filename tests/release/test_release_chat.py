"""`chat` as people and scripts use it: the real program, the real server, real tools."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from release_workspace import ANSWER, QUESTION, Workspace

from components.core.errors import BadInput
from components.core.special_tokens import MARKERS
from components.release.chat import DEFAULT_TOOLS, ChatSession, Finished, Piece, ToolResult, TurnReader, open_chat
from components.release.terminal import printable
from components.tokenizer import TextTokenizer


def test_one_question_for_a_script(built: Workspace) -> None:
    done = built.run("chat", "--prompt", QUESTION)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{ANSWER}\n"
    assert done.stderr.splitlines() == [
        "analysis: A sum.",
        "plan: Use the calculator.",
        'call: {"name":"calculator","arguments":{"expression":"17+25"}}',
        "result: 42",
        "reflection: The tool gives 42.",
        ANSWER,
    ]


def test_a_conversation(built: Workspace) -> None:
    done = built.run("chat", text=f"/tools\n{QUESTION}\n/tools shovel\n/reset\n/what\n{QUESTION}\n/quit\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("lesson (released), context 1,024 tokens.")
    assert 'not offered: {"name":"search","description":"Facts about countries"' in done.stdout
    assert "no tool 'shovel'; choose one of calculator, search" in done.stdout
    assert done.stdout.count("result: 42") == 2
    assert done.stdout.count(f"{ANSWER}\n") == 2
    assert "The conversation is forgotten." in done.stdout


def test_the_end_of_the_input_ends_it(built: Workspace) -> None:
    done = built.run("chat", "--dtype", "q8_0")
    assert done.returncode == 0, done.stderr


def test_ctrl_c_ends_it_and_the_server(built: Workspace) -> None:
    with subprocess.Popen(
        built.program("chat"),
        cwd=built.root,
        env=built.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as chat:
        assert chat.stdout is not None
        chat.stdout.readline()  # the greeting: the server is up
        servers = psutil.Process(chat.pid).children()
        assert len(servers) == 1
        chat.send_signal(signal.SIGINT)
        assert chat.wait(30) == 0
    assert not servers[0].is_running()


@pytest.mark.parametrize(
    "arguments", [("chat", "nowhere"), ("chat", "nowhere", "--prompt", "x"), ("verify", "nowhere")]
)
def test_no_release(built: Workspace, arguments: tuple[str, ...]) -> None:
    done = built.run(*arguments)
    assert done.returncode == 2
    assert done.stderr == f"{arguments[0]}: nowhere: no release here; run `make run`, or name the directory of one\n"


@pytest.fixture(scope="module")
def session(built: Workspace) -> Iterator[ChatSession]:
    with open_chat(built.release) as opened:
        yield opened


@pytest.fixture(autouse=True)
def forget(request: pytest.FixtureRequest) -> None:
    if "session" in request.fixturenames:
        request.getfixturevalue("session").offer(DEFAULT_TOOLS)


def test_events_of_a_conversation(session: ChatSession) -> None:
    events = list(session.ask(QUESTION))
    assert "".join(event.text for event in events if isinstance(event, Piece) and event.kind == "answer") == ANSWER
    assert [event.observation.content for event in events if isinstance(event, ToolResult)] == ["42"]
    assert events[-1] == Finished(end="answered", answer=ANSWER)
    assert [message.role for message in session.conversation.messages] == ["user", "assistant", "tool", "assistant"]


def test_a_message_interrupted_is_taken_back(session: ChatSession) -> None:
    list(session.ask(QUESTION))
    before = list(session.conversation.messages)
    events = session.ask("And 18 + 25?")
    next(events)
    events.close()
    assert session.conversation.messages == before


def test_a_full_context_is_said(session: ChatSession) -> None:
    (event,) = session.ask("0123456789" * 110)
    assert event == Finished(end="context_overflow", answer=None)


def test_other_tools_begin_a_new_conversation(session: ChatSession) -> None:
    list(session.ask(QUESTION))
    session.offer(["search"])
    assert [tool.name for tool in session.tools] == ["search"] and not session.conversation.messages
    finished = list(session.ask(QUESTION))[-1]
    calls = [call for message in session.conversation.messages for call in message.calls]
    results = [message.text for message in session.conversation.messages if message.role == "tool"]
    assert isinstance(finished, Finished) and "42" not in results, (calls, results)


def test_a_tool_that_does_not_exist(built: Workspace) -> None:
    done = built.run("chat", "--tool", "shovel", "--prompt", "x")
    assert (done.returncode, done.stderr) == (2, "chat: no tool 'shovel'; choose one of calculator, search\n")


def test_an_unknown_type(built: Workspace) -> None:
    with (
        pytest.raises(BadInput, match=r"--dtype bf16: not in this release; choose of f32, q8_0"),
        open_chat(built.release, "bf16"),
    ):
        pass


@given(text=st.text())
def test_pieces_make_up_the_text(tokenizer: TextTokenizer, text: str) -> None:
    reader = TurnReader(tokenizer)
    pieces = [piece for token in tokenizer.encode(text) for piece in reader.read(token)] + list(reader.rest())
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.kind == "answer" for piece in pieces)


@given(ids=st.lists(st.integers(0, 390), max_size=40))
def test_any_ids_can_be_shown(tokenizer: TextTokenizer, ids: list[int]) -> None:
    """Also those no turn would have: half characters come out as replacement characters, markers as nothing."""
    reader = TurnReader(tokenizer)
    text = "".join(piece.text for token in ids for piece in reader.read(token))
    text += "".join(piece.text for piece in reader.rest())
    markers = {tokenizer.special[marker] for marker in MARKERS}
    if not markers & set(ids):
        assert text == tokenizer.decode(ids)


@given(text=st.text())
def test_nothing_steers_the_terminal(text: str) -> None:
    shown = printable(f"\x1b[2J{text}\x07\x9b")
    assert not any((ord(letter) < 32 and letter not in "\n\t") or 127 <= ord(letter) < 160 for letter in shown)
    assert shown.startswith("[2J")
