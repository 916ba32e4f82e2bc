"""The small project, alone and with its services, once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from small_project import Project, make_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small project, without services."""
    return make_project(tmp_path_factory.mktemp("small") / "project")


@pytest.fixture(scope="session")
def served(project: Project) -> Iterator[Project]:
    """The small project with its Prefect server, MLflow server and worker, on ports of its own."""
    project.run("infra.local", "up")
    yield project
    project.run("infra.local", "down")
