"""`python -m components.tasks.extra.textworlds EPISODES`: what the families make, family by family and split by split.

Games won by the oracle (a third of the episodes with a wrong step), different prompts, episodes a second with the
drawing of the task, and turns. The Java machines are started before the clock runs.
"""

from __future__ import annotations

import sys
import time

from components.agent.environment import Split
from components.agent.episode_loop import run_episodes
from components.agent.policies import OraclePolicy
from components.tasks.extra.textworlds.families import absent as absent_textworlds
from components.tasks.extra.textworlds.families import families as textworld_families
from components.tasks.extra.textworlds.family import MAX_TURNS

_SPLITS: tuple[Split, ...] = ("train", "heldout")


def main(count: int) -> None:
    families = {family.name: family for family in textworld_families()}
    for name, remedy in absent_textworlds().items():
        print(f"{name} {remedy}")
    if not families:
        return
    for name in ("express_orders", "science_find"):
        if name in families:
            families[name].sample(0, "train")
    print(f"{'family':17}{'split':9}{'won':>7}{'prompts':>9}{'episodes/s':>12}  turns")
    for name, family in families.items():
        for split in _SPLITS:
            started_s = time.monotonic()
            tasks = [family.sample(seed, split) for seed in range(count)]
            episodes = [
                episode
                for wrong_branch, part in ((True, tasks[::3]), (False, tasks[1::3] + tasks[2::3]))
                for episode in run_episodes(
                    OraclePolicy(families, wrong_branch=wrong_branch), part, families=families, max_turns=2 * MAX_TURNS
                )
            ]
            rate = count / (time.monotonic() - started_s)
            won = sum(episode.success for episode in episodes) / count
            turns = sorted(episode.turns for episode in episodes)
            prompts = len({task.prompt for task in tasks})
            span = f"{turns[0]}-{turns[-1]}, median {turns[count // 2]}"
            print(f"{name:17}{split:9}{won:7.1%}{prompts:9}{rate:12.1f}  {span}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
