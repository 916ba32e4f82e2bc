"""Work for the teacher, a piece at a time: a generator that yields questions and is sent the answers.

Questions of several pieces go out together, from threads; everything else, environments above all, runs in the one
thread that steps the pieces, because the indexes that environments search belong to the thread that made them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from components.trajectories.teacher.cache import TeacherAnswer
from components.trajectories.teacher.client import Allowance, BudgetExceeded, TeacherClient
from components.trajectories.teacher.ledger import LedgerEntry, LedgerOutcome, Role

Made = TypeVar("Made")


@dataclass(frozen=True)
class TeacherQuestion:
    """One request: messages, and tools where the teacher may call some."""

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()


# Sent the answer to each question it yields; BudgetExceeded is thrown where there is none.
Piece = Generator[TeacherQuestion, TeacherAnswer, Made]


@dataclass(kw_only=True)
class Work:
    """What a piece of work was answered, what that cost, and the line it leaves in the ledger."""

    role: Role
    family: str
    client: TeacherClient
    allowance: Allowance
    answers: list[TeacherAnswer] = field(default_factory=list)

    def ask(self, question: TeacherQuestion) -> TeacherAnswer | BudgetExceeded:
        """The answer, or the exception to throw into the piece."""
        try:
            answer = self.client.ask(question.messages, self.allowance, question.tools)
        except BudgetExceeded as error:
            return error
        self.answers.append(answer)
        return answer

    @property
    def cost_usd(self) -> float:
        return round(sum(answer.cost_usd for answer in self.answers), 9)

    @property
    def cache_key(self) -> str | None:
        return self.answers[-1].key if self.answers else None

    def entry(self, record: str, outcome: LedgerOutcome, reason: str = "", *, repaired: bool = False) -> LedgerEntry:
        return LedgerEntry(
            role=self.role,
            family=self.family,
            record=record,
            outcome=outcome,
            reason=reason[:300],
            answers=len(self.answers),
            repaired=repaired,
            prompt_tokens=sum(answer.prompt_tokens for answer in self.answers),
            completion_tokens=sum(answer.completion_tokens for answer in self.answers),
            cost_usd=self.cost_usd,
            cache_key=self.cache_key,
        )


def run_pieces(pool: Executor, works: Sequence[Work], pieces: Sequence[Piece[Made]]) -> list[Made]:
    """What each piece makes, their questions asked side by side."""
    made: dict[int, Made] = {}
    asked: dict[int, TeacherQuestion] = {}

    def step(number: int, answer: TeacherAnswer | BudgetExceeded | None) -> None:
        piece = pieces[number]
        try:
            if isinstance(answer, BudgetExceeded):
                asked[number] = piece.throw(answer)
            else:
                asked[number] = piece.send(answer)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as end:
            made[number] = end.value

    for number in range(len(pieces)):
        step(number, None)
    while asked:
        questions, asked = asked, {}
        answers = list(pool.map(lambda item: works[item[0]].ask(item[1]), questions.items()))
        for number, answer in zip(questions, answers, strict=True):
            step(number, answer)
    return [made[number] for number in range(len(pieces))]
