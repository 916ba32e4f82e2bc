"""A conversation with a release: its GGUF in llama.cpp, our rendering, our reader, our tools.

The model sees exactly what it saw in training, because `components.agent` renders, cuts and reads every turn and the
server is spoken to in ids. Calls are executed in the toolbox; a turn that cannot be read is answered by an error that
the model gets to see, as in evaluation.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from tokenizers import Tokenizer

from components.agent.calculator import CALCULATOR
from components.agent.environment import Observation, Task
from components.agent.episode_loop import Conversation, End, Rollout
from components.agent.factbook import FACTBOOK, Knowledge
from components.agent.messages import Message, ToolSpec
from components.agent.template import encode_conversation
from components.agent.toolbox import TOOLBOX, Toolbox
from components.agent.turns import decode_turn
from components.core.errors import BadInput
from components.core.lineage import Manifest, verify
from components.core.special_tokens import ANALYSIS, CALL_OPEN, MARKERS, PLAN, REFLECTION, THINK_OPEN
from components.core.validation import first_fault, suggest
from components.release.layout import GENERATION_FILE, MANIFEST_FILE, gguf_file
from components.release.llama import LlamaServer
from components.tokenizer import TextTokenizer
from components.tokenizer.text import CONFIG_FILE, TOKENIZER_FILE

MAX_CONTEXT_TOKENS = 8192  # of a chat: the cache of a large model's whole context would not fit a laptop
MAX_TURNS = 8  # of the model for one message of the person
# Trajectories show one of these tools at a time; a small model that sees both calls the one nearer to the question.
DEFAULT_TOOLS = (CALCULATOR.name,)

Kind = Literal["thought", "analysis", "plan", "reflection", "call", "answer"]
_KINDS: dict[str, Kind] = {
    THINK_OPEN: "thought",
    ANALYSIS: "analysis",
    PLAN: "plan",
    REFLECTION: "reflection",
    CALL_OPEN: "call",
}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Text the model has just written, and what it belongs to."""

    kind: Kind
    text: str


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What a call brought back, or what was wrong with a turn."""

    observation: Observation


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The message has been dealt with; `answer` is None unless `end` is `answered`."""

    end: End
    answer: str | None


class TurnReader:
    """Turns ids into pieces as they come. Markers switch the kind; a character is shown when its last byte is there."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self._tokenizer = tokenizer
        self._markers = {tokenizer.special[marker]: marker for marker in MARKERS}
        self._kind: Kind = "answer"
        self._run: list[int] = []

    def read(self, token: int) -> Iterator[Piece]:
        marker = self._markers.get(token)
        if marker is not None:
            yield from self.rest()
            self._kind = _KINDS.get(marker, "answer")
            return
        self._run.append(token)
        text = self._tokenizer.decode(self._run)
        if not text.endswith("\ufffd"):
            self._run.clear()
            yield Piece(kind=self._kind, text=text)

    def rest(self) -> Iterator[Piece]:
        """What is left of a character that never came to its end."""
        if self._run:
            yield Piece(kind=self._kind, text=self._tokenizer.decode(self._run))
            self._run.clear()


@dataclass(kw_only=True)
class ChatSession:
    """One conversation on one server."""

    name: str
    status: str
    server: LlamaServer
    tokenizer: TextTokenizer
    knowledge: Knowledge | None
    context_tokens: int
    max_turn_tokens: int
    tools: tuple[ToolSpec, ...] = ()
    conversation: Conversation = field(init=False)

    def __post_init__(self) -> None:
        self.offer(DEFAULT_TOOLS)

    def offer(self, names: Sequence[str]) -> None:
        """Begin anew with these tools. Raises BadInput for one that does not exist."""
        known = [tool.name for tool in TOOLBOX]
        for name in names:
            if name not in known:
                raise BadInput(f"no tool {name!r}; {suggest(name, known)}")
        self.tools = tuple(tool for tool in TOOLBOX if tool.name in names)
        self.reset()

    def reset(self) -> None:
        """Forget everything that was said."""
        task = Task(
            id="chat", family="chat", domain="tool", seed=0, split="heldout", prompt="", tools=self.tools, payload={}
        )
        self.conversation = Conversation(task=task, messages=[])

    def ask(self, text: str) -> Generator[Piece | ToolResult | Finished, None, None]:
        """Say something and follow what happens; the last event is Finished.

        Leaving the iterator early takes the message back: the conversation is as it was before.
        """
        conversation = self.conversation
        before = len(conversation.messages)
        conversation.messages.append(Message("user", text))
        environment = Toolbox(tools=self.tools, knowledge=self.knowledge)
        rollout = Rollout(environment=environment, conversation=conversation, max_turns=MAX_TURNS)
        try:
            while rollout.end is None:
                prompt = encode_conversation(
                    self.tokenizer, conversation.messages, self.tools, add_generation_prompt=True
                )
                if len(prompt) >= self.context_tokens:
                    rollout.end = "context_overflow"
                    break
                reader, ids = TurnReader(self.tokenizer), []
                for token in self.server.stream(
                    prompt, stop_id=self.tokenizer.eos_id, max_new_tokens=self.max_turn_tokens
                ):
                    ids.append(token)
                    yield from reader.read(token)
                yield from reader.rest()
                rollout.step(decode_turn(self.tokenizer, ids))
                for observation in conversation.turns[-1].observations:
                    yield ToolResult(observation=observation)
        except BaseException:
            del conversation.messages[before:]
            raise
        yield Finished(end=rollout.end, answer=rollout.answer)


@contextmanager
def open_chat(directory: Path, dtype: str | None = None) -> Iterator[ChatSession]:
    """Serve a release and begin a conversation. Raises BadInput if there is none, ServerError if that fails."""
    manifest = read_release(directory)
    model = choose_gguf(directory, manifest, dtype)
    used = (model.relative_to(directory).as_posix(), TOKENIZER_FILE, CONFIG_FILE, GENERATION_FILE)
    shards = tuple(shard for shard in manifest.shards if shard.name in used)
    verify(directory, manifest.model_copy(update={"shards": shards}))
    tokenizer_json = directory / TOKENIZER_FILE
    tokenizer = TextTokenizer(Tokenizer.from_file(str(tokenizer_json)), manifest.facts["tokenizer_sha256"])
    turn_tokens = int(json.loads((directory / GENERATION_FILE).read_bytes())["max_new_tokens"])
    longest = int(json.loads((directory / CONFIG_FILE).read_bytes())["model_max_length"])
    context_tokens = min(longest, MAX_CONTEXT_TOKENS)
    knowledge = Knowledge.load() if FACTBOOK.is_dir() else None
    with LlamaServer(model, context_tokens=context_tokens, exact=model.stem.endswith("-f32")) as server:
        yield ChatSession(
            name=manifest.facts["name"],
            status=manifest.facts["status"],
            server=server,
            tokenizer=tokenizer,
            knowledge=knowledge,
            context_tokens=context_tokens,
            max_turn_tokens=turn_tokens,
        )


def read_release(directory: Path) -> Manifest:
    """release.json. Raises BadInput if there is no release or it is none."""
    path = directory / MANIFEST_FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{directory}: no release here; run `make run`, or name the directory of one") from None
    except ValidationError as error:
        raise BadInput(f"{path}: not a release's manifest ({first_fault(error)}); run `dvc repro release`") from None


def choose_gguf(directory: Path, manifest: Manifest, dtype: str | None) -> Path:
    """The file to serve: the type asked for, else f32, else the first. Raises BadInput for a type that is not there."""
    prefix, suffix = gguf_file(manifest.facts["name"], "\0").split("\0")
    names = [shard.name for shard in manifest.shards]
    known = [name.removeprefix(prefix).removesuffix(suffix) for name in names if name.startswith(prefix)]
    chosen = dtype or ("f32" if "f32" in known else known[0])
    if chosen not in known:
        raise BadInput(f"--dtype {chosen}: not in this release; choose of {', '.join(known)}")
    return directory / gguf_file(manifest.facts["name"], chosen)
