"""`python -m components.tasks.extra.gym EPISODES`: what the families make, family by family and split by split.

Tasks solved by the oracle (a third of the episodes with a wrong step), different prompts, episodes a second with the
drawing of the task, and turns. Datasets are loaded before the clock runs.
"""

from __future__ import annotations

import sys
import time

from components.agent.environment import Split
from components.agent.episode_loop import run_episodes
from components.agent.policies import OraclePolicy
from components.tasks.extra.gym.families import absent as absent_gym
from components.tasks.extra.gym.families import families as gym_families
from components.tasks.math.solve import MAX_TURNS

_SPLITS: tuple[Split, ...] = ("train", "heldout")


def main(count: int) -> None:
    for name, remedy in absent_gym().items():
        print(f"{name} {remedy}")
    families = {family.name: family for family in gym_families()}
    if not families:
        return
    print(f"{'family':28}{'split':9}{'solved':>7}{'prompts':>9}{'episodes/s':>12}  turns")
    for name, family in families.items():
        family.sample(count, "train")
        for split in _SPLITS:
            started_s = time.monotonic()
            tasks = [family.sample(seed, split) for seed in range(count)]
            episodes = [
                episode
                for wrong_branch, part in ((True, tasks[::3]), (False, tasks[1::3] + tasks[2::3]))
                for episode in run_episodes(
                    OraclePolicy(families, wrong_branch=wrong_branch), part, families=families, max_turns=MAX_TURNS
                )
            ]
            rate = count / (time.monotonic() - started_s)
            solved = sum(episode.success for episode in episodes) / count
            turns = sorted(episode.turns for episode in episodes)
            prompts = len({task.prompt for task in tasks})
            span = f"{turns[0]}-{turns[-1]}, median {turns[count // 2]}"
            print(f"{name:28}{split:9}{solved:7.1%}{prompts:9}{rate:12.0f}  {span}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
