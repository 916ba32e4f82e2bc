"""Names of what a release holds, for those who write it and those who read it."""

from __future__ import annotations

from pathlib import Path

RELEASE = Path("release")
PRODUCER = "release"
MANIFEST_FILE = "release.json"
CHECKSUMS_FILE = "SHA256SUMS"
CARD_FILE = "README.md"
GENERATION_FILE = "generation_config.json"
PARITY_FILE = "parity.json"
TEMPLATE_FILE = "chat_template.jinja"
GGUF_DIRECTORY = "gguf"


def gguf_file(name: str, dtype: str) -> str:
    """Path of a GGUF below the release."""
    return f"{GGUF_DIRECTORY}/{name}-{dtype}.gguf"
