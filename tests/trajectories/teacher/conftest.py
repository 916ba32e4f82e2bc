"""Faulty loopback servers for the teacher, and records to teach."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from teacher_server import Answerer, TeacherServer

from components.agent.environment import TaskFamily
from components.tasks.cot.families import families as cot_families
from components.tasks.math.families import families as mathematics_families
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import Record

NAMES = ("cot_schedule", "cot_assignment", "cot_dates", "math_linear", "math_gcd")


@pytest.fixture(scope="session")
def families() -> dict[str, TaskFamily]:
    return {family.name: family for family in (*cot_families(), *mathematics_families())}


@pytest.fixture(scope="session")
def records(families: dict[str, TaskFamily]) -> list[Record]:
    synthesizer = Synthesizer(families, "none")
    return [synthesizer.episode(name, seed, 0.3) for name in NAMES for seed in range(6)]


@pytest.fixture
def serve() -> Iterator[Callable[[Answerer], TeacherServer]]:
    servers: list[TeacherServer] = []

    def start(answer: Answerer) -> TeacherServer:
        servers.append(TeacherServer(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
