"""The state of a world in SQLite, and the hash that says whether two states are the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, MutableMapping

from components.core.lineage import sha256_json
from components.tasks.tools.expressions import Value
from components.tasks.tools.schema import World
from components.tasks.tools.tables import Row, Table


class Database(MutableMapping[str, Row]):
    """All rows of a world by key, in memory. Foreign keys are enforced by SQLite itself, at the end of each `with`."""

    def __init__(self, world: World, rows: Mapping[str, Row]) -> None:
        self.world = world
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys = ON")
        for table in world.tables:
            self._connection.execute(_create(table))
        with self:
            self.update({key: dict(row) for key, row in rows.items()})

    def __enter__(self) -> Database:
        self._connection.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._connection.execute("ROLLBACK" if kind else "COMMIT")

    def __getitem__(self, key: str) -> Row:
        table = self.world.table_of(key)
        if table is None:
            raise KeyError(key)
        found = self._select(table, "id", key)
        if not found:
            raise KeyError(key)
        return found[key]

    def __setitem__(self, key: str, row: Row) -> None:
        table = self._table(key)
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        marks = ", ".join("?" * len(table.columns))
        updates = ", ".join(f'"{column.name}" = excluded."{column.name}"' for column in table.columns)
        self._connection.execute(
            f'INSERT INTO "{table.name}" (id, {names}) VALUES (?, {marks}) ON CONFLICT (id) DO UPDATE SET {updates}',
            (key, *(row[column.name] for column in table.columns)),
        )

    def __delitem__(self, key: str) -> None:
        if not self._connection.execute(f'DELETE FROM "{self._table(key).name}" WHERE id = ?', (key,)).rowcount:
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        for table in self.world.tables:
            yield from [key for (key,) in self._connection.execute(f'SELECT id FROM "{table.name}" ORDER BY id')]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def matching(self, table: Table, column: str, value: Value) -> dict[str, Row]:
        """Rows of a table that hold a value, by key; text is compared without regard to case."""
        return self._select(table, column, value)

    def _select(self, table: Table, column: str, value: Value) -> dict[str, Row]:
        names = [column.name for column in table.columns]
        quoted = ", ".join(f'"{name}"' for name in names)
        # Keys are exact; only words that people write may differ in case.
        collation = "" if column == "id" else " COLLATE NOCASE"
        rows = self._connection.execute(
            f'SELECT id, {quoted} FROM "{table.name}" WHERE "{column}" = ?{collation} ORDER BY id', (value,)
        )
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}

    def _table(self, key: str) -> Table:
        table = self.world.table_of(key)
        assert table is not None, f"{key} belongs to no table"
        return table


def state_hash(rows: Mapping[str, Row]) -> str:
    """Hash of a state: every key, column and value counts, the order of rows and columns does not."""
    return sha256_json({key: dict(rows[key]) for key in sorted(rows)})


def _create(table: Table) -> str:
    # Deferred, so that rows may be loaded in any order.
    columns = [
        f'"{column.name}" {"INTEGER" if column.numbers else "TEXT"}'
        + (f' REFERENCES "{column.refers}" (id) DEFERRABLE INITIALLY DEFERRED' if column.refers else "")
        for column in table.columns
    ]
    return f'CREATE TABLE "{table.name}" (id TEXT PRIMARY KEY, {", ".join(columns)})'
