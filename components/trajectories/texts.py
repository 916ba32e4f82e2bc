"""What agents read and write, as text the tokenizer learns from: tool schemas, calls, observations, thoughts.

Curated text holds almost no JSON. Without this an arithmetic episode of `nano` takes 175 tokens, with it 105.
Markers are left out: they are special tokens already.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.agent.template import render_segments
from components.core.lineage import read_manifest, verify
from components.trajectories.record import read_records, to_messages

TRAJECTORIES = Path("data/trajectories")


def read_agent_texts(max_bytes: int) -> Iterator[str]:
    """The segments of whole trajectories, in record order spread over all families, up to `max_bytes` of text.

    Raises BadInput if the trajectories are missing or damaged.
    """
    verify(TRAJECTORIES, read_manifest(TRAJECTORIES, "synthesize"))
    records = sorted(read_records(TRAJECTORIES), key=lambda record: record.id)  # by content hash: a fair mix
    read_bytes = 0
    for record in records:
        if read_bytes >= max_bytes:
            return
        for segment in render_segments(to_messages(record), record.specs()):
            if not segment.special:
                read_bytes += len(segment.text.encode())
                yield segment.text
