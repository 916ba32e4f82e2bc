"""The catalogue: every source of text by name, its kind, its terms and the pin that makes it the same text tomorrow.

`catalogue.yaml` beside this file is read by default; `params.yaml` names the sources that are used. Every kind
carries domain, language and licence. What is fetched is pinned: a package by version and hash, a file or a folder
by hash, a hub data set by commit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.core.errors import BadInput
from components.core.params import Domain, read_yaml
from components.core.validation import suggest
from components.corpus.packages import Registry

CATALOGUE = Path(__file__).parent / "catalogue.yaml"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Format = Literal["text", "jsonl", "parquet"]


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: Domain
    language: str = Field(pattern=r"^[a-z]+$", description="ISO 639-1 code, or the name of a programming language")
    licence: str = Field(min_length=1, description="SPDX identifier, or `public-domain`")


class Decoded(_Source):
    """Sources that deliver files; `format` says what a file holds, a `.gz` or `.zst` ending is unpacked first."""

    format: Format = Field("text", description="`text`: one document a file; `jsonl`, `parquet`: one a row")
    text_field: str = Field("text", description="field or column of `jsonl` and `parquet` that holds the text")


class StarterSource(_Source):
    """A file of the starter corpus in this repository."""

    kind: Literal["starter"]
    file: str = Field(description="name in components/corpus/starter/")
    sha256: Sha256


class PackageSource(Decoded):
    """Members of a published package, taken apart and never executed."""

    kind: Literal["package"]
    registry: Registry
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    sha256: Sha256
    members: str = Field(description="pattern of paths in the archive; `*` crosses folders")
    exclude: str | None = Field(None, description="pattern of paths to leave out")
    file: Path | None = Field(None, description="an archive on this machine instead of the registry's")


class LocalSource(Decoded):
    """Files of a folder, or one file."""

    kind: Literal["local"]
    location: Path = Field(alias="path")
    members: str = Field("*", description="pattern of paths below the folder; `*` crosses folders")
    sha256: Sha256 = Field(description="of the file; for a folder see `formats.tree_sha256`")


class S3Source(Decoded):
    """Objects below a prefix; endpoint and credentials come from the environment."""

    kind: Literal["s3"]
    url: str = Field(pattern=r"^s3://[^/]+(/.*)?$")
    members: str = Field("*", description="pattern of keys below the prefix; `*` crosses folders")
    sha256: Sha256 = Field(description="see `formats.tree_sha256`")


class HttpSource(Decoded):
    """One file behind a URL."""

    kind: Literal["http"]
    url: str = Field(pattern=r"^https?://")
    sha256: Sha256


class HuggingFaceSource(_Source):
    """A data set read by the `datasets` library as a stream: from the hub at a commit, or from a folder by hash."""

    kind: Literal["huggingface"]
    dataset: str = Field(min_length=1, description="`owner/name` on the hub, or a folder on this machine")
    revision: str | None = Field(None, pattern=r"^[0-9a-f]{40}$", description="commit on the hub")
    sha256: Sha256 | None = Field(None, description="of a folder, see `formats.tree_sha256`")
    config: str | None = None
    split: str = "train"
    text_field: str = "text"
    max_documents: int | None = Field(None, ge=1, description="read only the first ones")

    @model_validator(mode="after")
    def _is_pinned(self) -> Self:
        if (self.revision is None) == (self.sha256 is None):
            raise ValueError("give `revision` for a data set on the hub, or `sha256` for a folder; one of the two")
        return self


Source = Annotated[
    StarterSource | PackageSource | LocalSource | S3Source | HttpSource | HuggingFaceSource,
    Field(discriminator="kind"),
]


class Catalogue(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accepted_licences: tuple[str, ...] = Field(min_length=1, description="a corpus with any other is refused")
    sources: dict[str, Source]


def load_catalogue(path: Path = CATALOGUE) -> Catalogue:
    """Read the catalogue. Raises BadInput naming every wrong field."""
    try:
        return Catalogue.model_validate(read_yaml(path) or {})
    except ValidationError as error:
        raise BadInput("\n".join(f"{path}: {_place(item['loc'])}: {item['msg']}" for item in error.errors())) from None


def choose(catalogue: dict[str, Source], names: tuple[str, ...], *, where: str = "corpus.sources") -> dict[str, Source]:
    """The named sources in the order named. Raises BadInput for a name that is unknown or named twice."""
    for name in names:
        if name not in catalogue:
            raise BadInput(f"{where}: {name!r} is not in the catalogue; {suggest(name, sorted(catalogue))}")
        if names.count(name) > 1:
            raise BadInput(f"{where}: {name!r} is named twice; name it once")
    return {name: catalogue[name] for name in names}


def _place(location: tuple[int | str, ...]) -> str:
    """Path of a field; `sources.<name>.<kind>.<field>` without the kind, which is pydantic's addition."""
    return ".".join(str(part) for index, part in enumerate(location) if index != 2 or location[0] != "sources")
