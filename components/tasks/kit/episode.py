"""The one way an oracle meets an environment."""

from __future__ import annotations

from collections.abc import Iterator

from components.agent.environment import Environment, Observation, Oracle, OracleStep


def play_episode(oracle: Oracle, environment: Environment) -> Iterator[tuple[OracleStep, Observation | None]]:
    """Every step with the observation of its call; the last one has a summary and none.

    The caller's work between two steps is done before the oracle hears of the observation.
    """
    step = next(oracle)
    while step.call is not None:
        observation = environment.execute(step.call)
        yield step, observation
        step = oracle.send(observation)
    yield step, None
