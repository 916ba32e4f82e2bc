"""`python -m scripts.measure_code_mutants [COUNT]`: what the packages' tests make of mutants.

Draws mutants of both splits, judges each and prints the share of valid ones by operator with its 95% Wilson interval,
and the share of their runs that name the faulty function.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated

import typer
from scipy.stats import binomtest

from components.agent.environment import Split
from components.core.seeding import named_rng
from components.tasks.code.mutants import draw_mutant, is_flaky, judge
from components.tasks.code.operators import OPERATORS
from components.tasks.code.report import show_report
from components.tasks.code.routes import names_function
from components.tasks.code.runner import TestRunner
from scripts.command_line import run

_SPLITS: tuple[Split, ...] = ("train", "heldout")


def share(hits: int, total: int) -> str:
    """Share and its 95% Wilson score interval, in percent."""
    if not total:
        return "none drawn"
    interval = binomtest(hits, total).proportion_ci(method="wilson")
    return f"{hits} of {total}, {hits / total:.0%} ({100 * interval.low:.0f} to {100 * interval.high:.0f}%)"


def measure(runner: TestRunner, split: Split, count: int) -> None:
    verdicts, drawn, valid = Counter[str](), Counter[str](), Counter[str]()
    named = flaky = 0
    rng = named_rng("measured mutants", split)
    started_s = time.perf_counter()
    for _ in range(count):
        mutant = draw_mutant(rng, split)
        verdict, report = judge(runner, mutant)
        verdicts[verdict] += 1
        drawn[mutant.mutation.operator] += 1
        if verdict == "valid":
            valid[mutant.mutation.operator] += 1
            flaky += is_flaky(runner, mutant, report)
            shown = show_report(report, mutant.suite.tests).content
            named += names_function(shown, mutant.mutation.function.qualname)
    seconds = (time.perf_counter() - started_s) / count
    print(f"{split}: {count} mutants, {seconds:.2f} s each; {dict(verdicts.most_common())}")
    for operator in OPERATORS:
        print(f"  {operator:<22} valid {share(valid[operator], drawn[operator])}")
    print(f"  the run names the faulty function: {share(named, verdicts['valid'])}; flaky {flaky}")


def main(count: Annotated[int, typer.Argument(min=1, help="Mutants of each split.")] = 200) -> None:
    """Measure what the packages' tests make of mutants."""
    runner = TestRunner()
    for split in _SPLITS:
        measure(runner, split, count)


if __name__ == "__main__":
    run(main)
