"""The MLflow registry: a release is a version of the model named in `release.name`, found again by its content.

The version's source is the release among the artifacts of the run that built it, so `models:/NAME@released` gives the
files. The same bytes are registered once, whoever builds them how often.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.core.errors import BadInput
from components.core.lineage import sha256_file
from components.core.tracking import StageTracker, connect
from components.release.layout import CARD_FILE, CHECKSUMS_FILE, RELEASE

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

ALIAS = "released"
DIGEST_TAG = "trivium.release_sha256"
STATUS_TAG = "trivium.status"
_DESCRIPTION_CHARACTERS = 5000  # MLflow keeps no more; the whole card is among the artifacts


def register(name: str, directory: Path, *, released: bool, tags: dict[str, str], tracker: StageTracker) -> str:
    """Make sure the registry holds the release in `directory`; returns its version.

    The alias `released` moves to a version that was released, never to a
    candidate. Raises BadInput if the registry refuses.
    """
    from mlflow.exceptions import MlflowException

    client = connect()
    tags = {**tags, DIGEST_TAG: sha256_file(directory / CHECKSUMS_FILE)}
    try:
        version = _find(client, name, tags[DIGEST_TAG]) or _create(client, name, directory, tags, tracker)
        if released:
            client.set_registered_model_alias(name, ALIAS, version)
    except MlflowException as error:
        raise BadInput(f"MLflow registry, model {name!r}: {str(error).splitlines()[0][:200]}") from error
    return version


def _find(client: MlflowClient, name: str, digest: str) -> str | None:
    found = client.search_model_versions(f"name = '{name}' and tags.`{DIGEST_TAG}` = '{digest}'")
    return str(found[0].version) if found else None


def _create(client: MlflowClient, name: str, directory: Path, tags: dict[str, str], tracker: StageTracker) -> str:
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description="Releases of Trivium's release stage; one version per content")
    tracker.log_artifact(directory, RELEASE.name)
    run = client.get_run(tracker.run_id)
    inherited = {key: value for key, value in run.data.tags.items() if key.startswith("trivium.")}
    card = (directory / CARD_FILE).read_text(encoding="utf-8")
    made = client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/{RELEASE.name}",
        run_id=tracker.run_id,
        tags=inherited | tags,
        description=card.split("---\n", 2)[-1][:_DESCRIPTION_CHARACTERS],
    )
    return str(made.version)
