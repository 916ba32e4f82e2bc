"""`python -m scripts.find_code_calls [PACKAGE ...]`: calls that tell a function from wrong versions of it.

Wrong versions of a function are its shipped survivors and some of its other mutants. Calls that the package's tests
make, and neighbours of them, are executed on the original and on every version; a test that states what the original
gives is then really run on all of them. What is found is written to `shipped/wrong_versions.jsonl.zst`, one function a
line. A version that no call tells apart may be equivalent to the original and is not asked about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import zip_longest
from typing import Annotated, Any

import typer

from components.corpus.documents import write_lines
from components.tasks.code.catalogue import PACKAGES
from components.tasks.code.evaluation import describe_outcome, evaluate, free_names
from components.tasks.code.operators import OPERATORS, Mutation, mutations
from components.tasks.code.packages import Package, load_package
from components.tasks.code.runner import LIMITS, PYTEST, TestRunner
from components.tasks.code.written_tests import RAISES, WRITTEN, compose, importable, refusal, rewritten
from components.tasks.code.wrong_versions import (
    WRONG_VERSIONS,
    KnownCall,
    VersionedFunction,
    WrongVersion,
    load_wrong_versions,
)
from scripts.code_calls import neighbours, parameters_of, record_calls, simplicity, written_calls
from scripts.command_line import choose_packages, run
from scripts.find_code_survivors import ZSTD_LEVEL, load_survivors

# pyflakes reads files and streams, sets signal handlers and ends the process: calls of it state little.
_PACKAGES = tuple(spec.name for spec in PACKAGES if spec.name != "pyflakes")
_BATCH = 250  # expressions in one run
_MOST_SEEDS = 40
_MOST_TRIED = 250
_MOST_TRIED_AGAIN = 500  # neighbours of neighbours, for survivors that nothing told apart yet
_MOST_FAR = 60  # neighbours whose neighbours are tried
_MOST_OTHER_VERSIONS = 6  # mutants of a function beside its survivors
_MOST_DISTINGUISHING = 5  # kept of one version
_MOST_OTHERS = 6  # calls kept that tell nothing apart
_MOST_VALUE_CHARACTERS = 80
_UNCLEAR = ("@", "0x", "object at", "/tmp")  # what looks like an address, of mail or of memory; a file's random name


class Search:
    """Calls of one package, tried on versions of its functions."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self._runner = TestRunner(replace(LIMITS, cpu_s=20, output_bytes=8 << 20))
        self._parameters = parameters_of(package)
        self._written = written_calls(package)
        self._recorded: dict[str, list[str]] = {}
        for suite in package.spec.suites:
            for place, calls in record_calls(self._runner, package, suite.tests).items():
                self._recorded.setdefault(place, []).extend(calls)
        self._reached: dict[str, dict[str, list[str]]] = {}

    def find(self, module: str, function: str, versions: Sequence[WrongVersion]) -> VersionedFunction | None:
        """Find calls for versions of one function; None where nothing is found."""
        order = _order(function)
        seeds = self._seeds(module, function)[:_MOST_SEEDS]
        near = [other for seed in seeds for other in neighbours(seed, self._parameters)]
        tried = self._stated(module, sorted(dict.fromkeys([*seeds, *near]), key=order)[:_MOST_TRIED])
        whole = VersionedFunction(
            package=self.package.spec.name, module=module, function=function, versions=tuple(versions), calls=()
        )
        differing = self._differing(whole, tried, range(len(versions)))
        left = [number for number, version in enumerate(versions) if version.survivor and not differing.get(number)]
        if left and near:
            far = {other for one in near[:: 1 + len(near) // _MOST_FAR] for other in neighbours(one, self._parameters)}
            more = self._stated(module, sorted(far - tried.keys(), key=order)[:_MOST_TRIED_AGAIN])
            differing |= self._differing(whole, more, left)
            tried |= more
        if not any(differing.values()):
            return None
        kept = {one for known in differing.values() for one in sorted(known, key=order)[:_MOST_DISTINGUISHING]}
        known = {one for known in differing.values() for one in known}
        others = [one for one in sorted(tried, key=order) if one not in known and not tried[one].startswith(RAISES)]
        chosen = {one: tried[one] for one in sorted(kept.union(others[:_MOST_OTHERS]), key=order)}
        verdicts = self._judge(whole, chosen, differing)
        noticed = [number for number in range(len(versions)) if any(number in seen for seen in verdicts.values())]
        if not noticed:
            return None
        calls = tuple(
            KnownCall(
                expression=one,
                notices=tuple(noticed.index(number) for number in seen),
                mistaken=_mistaken(tried[one], [differing[number].get(one, "") for number in seen]),
            )
            for one, seen in verdicts.items()
        )
        row = replace(whole, versions=tuple(versions[number] for number in noticed), calls=calls)
        return within_bounds(self._runner, row)

    def _seeds(self, module: str, function: str) -> list[str]:
        """Expressions that go through the function, those first that name it."""
        if module not in self._reached:
            self._reached[module] = {}
            for expression, outcome in self._evaluate(module, self._written, watch=True).items():
                for place in outcome.get("reached", ()) if "value" in outcome else ():
                    self._reached[module].setdefault(place, []).append(expression)
        place = f"{module}:{function}"
        seeds = [*self._recorded.get(place, ()), *self._reached[module].get(place, ())]
        return sorted(dict.fromkeys(seeds), key=_order(function))

    def _evaluate(
        self, module: str, expressions: Iterable[str], changed: Mapping[str, str] | None = None, *, watch: bool = False
    ) -> dict[str, dict[str, Any]]:
        """What expressions are worth; those in a run that ended before its time are left out."""
        files = {**self.package.files, **(changed or {})}
        asked = list(expressions)
        found: dict[str, dict[str, Any]] = {}
        for first in range(0, len(asked), _BATCH):
            batch = asked[first : first + _BATCH]
            outcomes = evaluate(self._runner, files, module, batch, watch=watch)
            found |= dict(zip(batch, outcomes or (), strict=outcomes is not None))
        return found

    def _stated(self, module: str, expressions: Iterable[str]) -> dict[str, str]:
        """Expressions a test can state something about, with what they show: as they are, else listed, else as text."""
        known = importable(self.package, module)
        left = [one for one in expressions if not _is_unclear(one) and free_names(one)]
        left = [one for one in left if set(free_names(one)) <= known.keys()]
        found: dict[str, str] = {}
        for wrap in ("{}", "list({})", "str({})"):
            asked = {wrap.format(one): one for one in left}
            left = []
            for expression, outcome in self._evaluate(module, asked).items():
                shown = describe_outcome(outcome)
                if shown is None or len(shown) > _MOST_VALUE_CHARACTERS:
                    continue
                if "raises" in outcome:
                    place = outcome["raises"].rpartition(".")[0]
                    if wrap == "{}" and place.partition(".")[0] in ("", self.package.spec.name):
                        found[expression] = shown
                elif outcome["faithful"] and not _is_unclear(shown) and set(free_names(shown)) <= known.keys():
                    found[expression] = shown
                else:
                    left.append(asked[expression])
        return found

    def _differing(
        self, whole: VersionedFunction, tried: Mapping[str, str], numbers: Iterable[int]
    ) -> dict[int, dict[str, str]]:
        """By version, the expressions that give something else there, and what."""
        found: dict[int, dict[str, str]] = {}
        for number in numbers:
            there = self._evaluate(whole.module, tried, whole.changed(number))
            shown = {one: describe_outcome(outcome) for one, outcome in there.items()}
            found[number] = {one: value for one, value in shown.items() if value is not None and value != tried[one]}
        return found

    def _judge(
        self, whole: VersionedFunction, calls: Mapping[str, str], differing: Mapping[int, Mapping[str, str]]
    ) -> dict[str, tuple[int, ...]]:
        """By call, the versions that a test of it notices; calls whose test does not pass on the original go."""
        tests: dict[str, str] = {}
        for one, shown in calls.items():
            text = compose(self.package, whole.module, f"_{len(tests)}", [(one, shown)])
            if refusal(self.package, text) is None:
                tests[one] = text
        heads = dict.fromkeys(
            line for test in tests.values() for line in test.splitlines() if re.match(r"import |from ", line)
        )
        bodies = [test[test.index("\ndef ") :] for test in tests.values()]
        text = "\n".join([*heads, *bodies])
        broken = self._failed(text, {}) | self._failed(text, rewritten(self.package))
        noticed = [self._failed(text, whole.changed(number)) if differing[number] else set() for number in differing]
        return {
            one: tuple(version for version, failed in enumerate(noticed) if number in failed)
            for number, one in enumerate(tests)
            if number not in broken
        }

    def _failed(self, text: str, changed: Mapping[str, str]) -> set[int]:
        """Numbers of the tests that fail. A run that does not end properly tells nothing."""
        files = {**self.package.files, **changed, WRITTEN: text}
        result = self._runner.run(files, [*PYTEST, "--tb=no", WRITTEN])
        return {int(number) for number in re.findall(r"^FAILED \S+::test__(\d+)", result.output, re.MULTILINE)}


def wrong_versions(module: str, source: str, function: str, survived: set[tuple[str, int, str]]) -> list[WrongVersion]:
    """The survivors of a function and some of its other mutants, of as many kinds as there are."""

    def key(mutation: Mutation) -> tuple[str, int, str]:
        return mutation.operator, mutation.line, mutation.new

    found = mutations(source, function)
    others = [[one for one in found if one.operator == name and key(one) not in survived] for name in OPERATORS]
    mixed = [one for row in zip_longest(*others) for one in row if one is not None][:_MOST_OTHER_VERSIONS]
    chosen = {key(one): key(one) in survived for one in found if key(one) in survived or one in mixed}
    return [
        WrongVersion(operator=name, line=line, new=new, survivor=is_one) for (name, line, new), is_one in chosen.items()
    ]


def within_bounds(runner: TestRunner, row: VersionedFunction) -> VersionedFunction | None:
    """The row without versions on which some call runs out of time or memory: what a test then does may differ from run
    to run. None where no version is left."""
    files, asked = load_package(row.package).files, [call.expression for call in row.calls]
    kept: list[int] = []
    for number in range(len(row.versions)):
        outcomes = evaluate(runner, {**files, **row.changed(number)}, row.module, asked)
        if outcomes is not None and not any("stopped" in outcome for outcome in outcomes):
            kept.append(number)
    calls = tuple(
        replace(call, notices=tuple(kept.index(number) for number in call.notices if number in kept))
        for call in row.calls
    )
    return replace(row, versions=tuple(row.versions[number] for number in kept), calls=calls) if kept else None


def _mistaken(right: str, values: Sequence[str]) -> str | None:
    """A value somebody might expect who reads the function wrongly."""
    plain = [value for value in values if value and not value.startswith(RAISES) and not _is_unclear(value)]
    if right.startswith(RAISES) or not plain or len(plain[0]) > _MOST_VALUE_CHARACTERS:
        return None
    return plain[0] if _is_literal(plain[0]) else None


def _is_literal(text: str) -> bool:
    try:
        return not free_names(text)
    except SyntaxError:
        return False


def _is_unclear(text: str) -> bool:
    return any(bad in text for bad in _UNCLEAR)


def _order(function: str) -> Callable[[str], tuple[bool, int, str]]:
    """Those first that name the function (or its class), then the simplest."""
    names = {part for part in function.split(".") if not part.startswith("__")}
    return lambda expression: (not names & set(re.findall(r"\w+", expression)), *simplicity(expression))


def find_all(name: str) -> list[VersionedFunction]:
    package = load_package(name)
    survived = {
        (one.module, one.mutation.operator, one.mutation.line, one.mutation.new)
        for one in load_survivors()
        if one.package == name
    }
    search, rows = Search(package), []
    for module in dict.fromkeys(module for suite in package.spec.suites for module in suite.modules):
        source = package.files[module]
        here = {(operator, line, new) for path, operator, line, new in survived if path == module}
        for function in dict.fromkeys(mutation.function.qualname for mutation in mutations(source)):
            row = search.find(module, function, wrong_versions(module, source, function, here))
            rows += [row] if row is not None else []
    return rows


def main(package: Annotated[list[str] | None, typer.Argument(help="All of them by default.")] = None) -> None:
    """Find the calls that tell functions from wrong versions of them."""
    known = load_wrong_versions() if WRONG_VERSIONS.is_file() else ()
    rows = {name: [row for row in known if row.package == name] for name in _PACKAGES}
    for name in choose_packages(package, _PACKAGES):
        rows[name] = find_all(name)
        versions = [version for row in rows[name] for version in row.versions]
        survivors = sum(version.survivor for version in versions)
        print(f"{name}: {len(versions)} versions of {len(rows[name])} functions told apart, {survivors} survivors")
        write_lines(WRONG_VERSIONS, [asdict(row) for found in rows.values() for row in found], level=ZSTD_LEVEL)


if __name__ == "__main__":
    run(main)
