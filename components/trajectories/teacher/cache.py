"""Answers by the hash of what was asked, in SQLite: whatever was answered once is never asked or paid again."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from components.core.lineage import sha256_json
from components.core.params import TeacherSettings


@dataclass(frozen=True, kw_only=True)
class TeacherAnswer:
    """A reply and what it cost. `refusal` is why the endpoint would not answer this request; then `reply` is {}.

    `lost` counts the attempts before it that brought nothing and may have been billed all the same.
    """

    key: str
    reply: dict[str, Any]
    refusal: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    lost: int = 0


def request_key(
    settings: TeacherSettings, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
) -> str:
    """sha256 of all that an answer depends on; where the endpoint is, is no part of it."""
    return sha256_json(
        {
            "model": settings.model,
            "revision": settings.revision,
            "prompt_version": settings.prompt_version,
            "messages": list(messages),
            "sampling": {"temperature": settings.temperature, "max_tokens": settings.max_tokens},
            "tools": list(tools),
            "seed": settings.seed,
        }
    )


class AnswerCache:
    """One file; safe for the threads of a process and for processes beside it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, timeout=60)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, reply TEXT NOT NULL, refusal TEXT NOT NULL,"
            " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL) WITHOUT ROWID"
        )
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS lost (key TEXT PRIMARY KEY, attempts INTEGER NOT NULL) WITHOUT ROWID"
        )
        self._connection.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def get(self, key: str, settings: TeacherSettings) -> TeacherAnswer | None:
        """The answer, priced as `settings` say."""
        with self._lock:
            row = self._connection.execute(
                "SELECT reply, refusal, prompt_tokens, completion_tokens, COALESCE(attempts, 0)"
                " FROM answers LEFT JOIN lost USING (key) WHERE key = ?",
                (key,),
            ).fetchone()
        if row is None:
            return None
        reply, refusal, prompt_tokens, completion_tokens, lost = row
        return TeacherAnswer(
            key=key,
            reply=json.loads(reply),
            refusal=refusal,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost_usd=settings.cost_usd(prompt_tokens, completion_tokens),
            lost=lost,
        )

    def put(self, answer: TeacherAnswer) -> None:
        """Kept at once and for good; the first answer to a request stays."""
        with self._lock, self._connection:
            kept = self._connection.execute(
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)",
                (
                    answer.key,
                    json.dumps(answer.reply, ensure_ascii=False),
                    answer.refusal,
                    answer.prompt_tokens,
                    answer.completion_tokens,
                ),
            )
            if kept.rowcount and answer.lost:
                self._connection.execute("INSERT INTO lost VALUES (?, ?)", (answer.key, answer.lost))
