"""Item-level results on disk: a Parquet file per kind of evaluation, the same bytes for the same results.

Intervals and paired tests need every item, not means; the gate reads nothing else. The columns of a file are the
fields of a dataclass. Numbers are rounded to six decimals, far below what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from components.core.errors import BadInput

BITS_FILE = "bits_per_byte.parquet"
AGENT_FILE = "agent.parquet"
TASKS_FILE = "tasks.parquet"
PHASES_FILE = "phases.parquet"
MODEL = "model"  # the policies of an agent's episodes: the checkpoint, and those that say what a score is worth
BASELINES = ("no_op", "random_tool")
_DECIMALS = 6
_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    tuple[float, ...]: pa.list_(pa.float64()),
    tuple[str, ...]: pa.list_(pa.string()),
}

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class EpisodeItem:
    """One episode of one policy."""

    policy: str
    stream: str
    family: str
    task: str
    success: bool
    turns: int
    tool_calls: int
    parse_errors: int
    end: str


@dataclass(frozen=True, kw_only=True)
class TextSegment:
    """A piece of a document, up to bits_per_byte.SEGMENT_TOKENS long: the item that intervals are computed from."""

    domain: str
    document: str
    segment: int
    tokens: int
    bytes: int
    model_bits: float
    unigram_bits: float
    five_gram_bits: float


def parse_rate(items: Sequence[EpisodeItem]) -> tuple[int, int]:
    """Tool calls that could be read, and all turns that tried one: those calls and the turns that could not be read."""
    read = sum(item.tool_calls for item in items)
    return read, read + sum(item.parse_errors for item in items)


def write_items(path: Path, kind: type[Item], items: Sequence[Item]) -> None:
    """Write dataclass instances in the order given."""
    rows = [{name: _rounded(value) for name, value in asdict(item).items()} for item in items]  # type: ignore[call-overload]
    pq.write_table(pa.Table.from_pylist(rows, schema=_schema(kind)), path, compression="zstd")


def read_items(path: Path, kind: type[Item]) -> list[Item]:
    """Read them back. Raises BadInput if the file is missing, torn, or has other columns."""
    remedy = "run `dvc repro` for the evaluation that writes it"
    try:
        table = pq.read_table(path)
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise BadInput(f"{path}: cannot be read ({str(error).splitlines()[0]}); {remedy}") from None
    schema = _schema(kind)
    if not table.schema.equals(schema):
        raise BadInput(f"{path}: columns = {table.schema.names}, but {schema.names} are needed; {remedy}")
    tuples = {field.name for field in schema if pa.types.is_list(field.type)}
    return [
        kind(**{name: tuple(value) if name in tuples else value for name, value in row.items()})
        for row in table.to_pylist()
    ]


def _schema(kind: type[Any]) -> pa.Schema:
    hints = get_type_hints(kind)
    return pa.schema([pa.field(field.name, _TYPES[hints[field.name]]) for field in fields(kind)])


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DECIMALS)
    return [_rounded(part) for part in value] if isinstance(value, tuple) else value
