"""`python -m components.tasks.research [EPISODES]`: what of the questions drawn is asked, and episodes a second.

Prints one line a family and split. An episode is a task drawn with its proofs and solved by the oracle in a fresh
environment; every second one takes its wrong branch.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from components.agent.environment import Split
from components.agent.factbook import Knowledge
from components.core.errors import BadInput
from components.core.seeding import named_rng
from components.tasks.research.families import families as research_families
from components.tasks.research.family import ResearchFamily

_SPLITS: tuple[Split, ...] = ("train", "heldout")


def verdicts(family: ResearchFamily, split: Split, draws: int) -> Counter[str]:
    """How many draws were accepted, and how many refused by reason."""
    rng = named_rng("measured draws", family.name, split)
    return Counter(family.judge(family.draw(rng, split)) or "accepted" for _ in range(draws))


def play(family: ResearchFamily, seed: int, split: Split) -> tuple[str, bool]:
    """One episode: its prompt, and whether the environment called it right."""
    task = family.sample(seed, split)
    environment = family.start(task)
    oracle = family.oracle(task, named_rng("words", task.id), seed % 2 == 1)
    step = next(oracle)
    while step.call is not None:
        step = oracle.send(environment.execute(step.call))
    return task.prompt, environment.verify(step.summary or "")


def main(episodes: int) -> None:
    for family in research_families(Knowledge.load()):
        for split in _SPLITS:
            started_s = time.perf_counter()
            played = [play(family, seed, split) for seed in range(episodes)]
            rate = episodes / (time.perf_counter() - started_s)
            counts = verdicts(family, split, episodes)
            formed = episodes - counts["nothing drawn"]
            reasons = ", ".join(f"{name} {count}" for name, count in counts.most_common())
            print(
                f"{family.name} {split}: {sum(right for _, right in played)} of {episodes} right, "
                f"{len({prompt for prompt, _ in played})} different, {rate:.0f} episodes/s; "
                f"{counts['accepted']} of {formed} questions accepted ({reasons})"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m components.tasks.research")
    parser.add_argument("episodes", type=int, nargs="?", default=1000, help="of each family and split")
    try:
        main(parser.parse_args().episodes)
    except BadInput as fault:
        print(fault, file=sys.stderr)
        sys.exit(2)
