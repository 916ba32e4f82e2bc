"""`python -m components.tasks.code [EPISODES [FAMILY ...]]`: what tests make of faults, and episodes a second.

Draws mutants of both splits, judges each and prints the share of valid ones by operator with its Wilson interval (95%),
the share of their runs that name the faulty function, and how fast each family makes verified episodes. With families
named only these are played; `time` before it then says what they cost in processor seconds.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter

from components.agent.environment import Split
from components.core.errors import BadInput
from components.core.seeding import named_rng
from components.tasks.code.families import package_families
from components.tasks.code.family import PackageFamily
from components.tasks.code.mutants import draws
from components.tasks.code.operators import OPERATORS
from components.tasks.code.report import show_report
from components.tasks.code.routes import names_function

_SPLITS: tuple[Split, ...] = ("train", "heldout")


def wilson(hits: int, total: int) -> str:
    """Share and its 95% Wilson score interval (Wilson 1927), in percent."""
    if not total:
        return "none drawn"
    z, share = 1.96, hits / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return f"{hits} of {total}, {100 * share:.0f}% ({100 * (middle - half):.0f} to {100 * (middle + half):.0f}%)"


def measure_mutants(family: PackageFamily, split: Split, count: int) -> None:
    verdicts, drawn, valid = Counter[str](), Counter[str](), Counter[str]()
    named = flaky = 0
    started_s = time.perf_counter()
    for mutant in draws(named_rng("measured mutants", split), split, count):
        verdict, report = family.workshop.judge(mutant)
        operator = mutant.mutation.operator
        verdicts[verdict] += 1
        drawn[operator] += 1
        if verdict == "valid":
            valid[operator] += 1
            flaky += family.workshop.is_flaky(mutant, report)
            named += names_function(show_report(report.result, mutant.suite.tests).content, mutant.mutation.function)
    seconds = time.perf_counter() - started_s
    print(f"{split}: {count} mutants, {seconds / count:.2f} s each; {dict(verdicts.most_common())}")
    for operator in OPERATORS:
        print(f"  {operator:<22} valid {wilson(valid[operator], drawn[operator])}")
    print(f"  the run names the faulty function: {wilson(named, verdicts['valid'])}; flaky {flaky}")


def play(family: PackageFamily, seed: int, split: Split) -> tuple[bool, int, int]:
    """One episode: whether it was right, its turns and the letters it observed."""
    task = family.sample(seed, split)
    environment = family.start(task)
    oracle = family.oracle(task, named_rng("words", task.id), seed % 4 == 3)
    step, turns, letters = next(oracle), 1, 0
    while step.call is not None:
        seen = environment.execute(step.call)
        step, turns, letters = oracle.send(seen), turns + 1, letters + len(seen.content)
    return environment.verify(step.summary or ""), turns, letters


def main(episodes: int, names: list[str]) -> None:
    families = package_families()
    for split in _SPLITS if not names else ():
        measure_mutants(families[0], split, episodes)
    for family in [family for family in families if not names or family.name in names]:
        for split in _SPLITS:
            started_s = time.perf_counter()
            played = [play(family, seed, split) for seed in range(episodes)]
            seconds = time.perf_counter() - started_s
            print(
                f"{family.name} {split}: {sum(right for right, _, _ in played)} of {episodes} right, "
                f"{episodes / seconds:.2f} episodes/s, median {sorted(turns for _, turns, _ in played)[episodes // 2]} "
                f"turns, {sorted(letters for _, _, letters in played)[episodes // 2]} letters observed, "
                f"{sum(turns <= 8 for _, turns, _ in played)} within 8 turns"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m components.tasks.code")
    parser.add_argument("episodes", type=int, nargs="?", default=200, help="of each family and split; mutants too")
    parser.add_argument("family", nargs="*", default=[], help="play these alone, e.g. code_localise")
    arguments = parser.parse_args()
    try:
        main(arguments.episodes, arguments.family)
    except BadInput as fault:
        print(fault, file=sys.stderr)
        sys.exit(2)
