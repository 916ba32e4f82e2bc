"""The published packages that code tasks are made of: which, pinned how, on which terms, and what their tests cover.

All are pure Python under permissive licences, carry their own tests in the wheel and are no part of SWE-bench. A
package belongs to one split for good: nothing of a held-out one is ever trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

from components.agent.environment import Split


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One test file and the modules whose bugs it can find."""

    tests: str
    modules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PackageSpec:
    """One wheel. `files` are the patterns of what is kept of it, `left_out` of what is not after all."""

    name: str
    distribution: str
    version: str
    sha256: str
    licence: str
    terms: str
    licence_member: str
    split: Split
    files: tuple[str, ...]
    suites: tuple[Suite, ...]
    left_out: tuple[str, ...] = ()

    @property
    def source_uri(self) -> str:
        return f"pypi:{self.distribution}=={self.version}"


def _suite(tests: str, *modules: str) -> Suite:
    return Suite(tests=tests, modules=modules)


PACKAGES = (
    PackageSpec(
        name="toolz",
        distribution="toolz",
        version="1.2.0",
        sha256="890f820b1cb8152785aaf9386d8707770110809035800985ca65cb24ce1120ef",
        licence="BSD-3-Clause",
        terms="Copyright (c) 2013 Matthew Rocklin",
        licence_member="*/licenses/LICENSE.txt",
        split="train",
        files=("toolz/*.py",),
        left_out=("*/test_parallel.py", "*/test_package.py", "*/test_curried_doctests.py", "*/_build_tlz.py"),
        suites=(
            _suite("toolz/tests/test_itertoolz.py", "toolz/itertoolz.py"),
            _suite("toolz/tests/test_functoolz.py", "toolz/functoolz.py"),
            _suite("toolz/tests/test_dicttoolz.py", "toolz/dicttoolz.py"),
            _suite("toolz/tests/test_inspect_args.py", "toolz/functoolz.py", "toolz/_signatures.py"),
            _suite("toolz/sandbox/tests/test_core.py", "toolz/sandbox/core.py"),
            _suite("toolz/tests/test_recipes.py", "toolz/recipes.py", "toolz/itertoolz.py"),
        ),
    ),
    PackageSpec(
        name="more_itertools",
        distribution="more-itertools",
        version="6.0.0",  # the last wheel with its tests
        sha256="0125e8f60e9e031347105eb1682cef932f5e97d7b9a1a28d9bf00c22a5daef40",
        licence="MIT",
        terms="Copyright (c) 2012 Erik Rose",
        licence_member="*.dist-info/LICENSE",
        split="train",
        files=("more_itertools/*.py",),
        suites=(
            _suite("more_itertools/tests/test_more.py", "more_itertools/more.py", "more_itertools/recipes.py"),
            _suite("more_itertools/tests/test_recipes.py", "more_itertools/recipes.py"),
        ),
    ),
    PackageSpec(
        name="aniso8601",
        distribution="aniso8601",
        version="10.0.1",
        sha256="eb19717fd4e0db6de1aab06f12450ab92144246b257423fe020af5748c0cb89e",
        licence="BSD-3-Clause",
        terms="Copyright (c) 2025, Brandon Nielsen",
        licence_member="*/licenses/LICENSE",
        split="train",
        files=("aniso8601/*.py",),
        suites=(
            _suite(
                "aniso8601/tests/test_interval.py",
                "aniso8601/interval.py",
                "aniso8601/duration.py",
                "aniso8601/builders/python.py",
            ),
            _suite("aniso8601/tests/test_duration.py", "aniso8601/duration.py", "aniso8601/builders/__init__.py"),
            _suite("aniso8601/tests/test_time.py", "aniso8601/time.py", "aniso8601/timezone.py"),
            _suite("aniso8601/tests/test_date.py", "aniso8601/date.py"),
            _suite("aniso8601/tests/test_timezone.py", "aniso8601/timezone.py"),
            _suite("aniso8601/builders/tests/test_python.py", "aniso8601/builders/python.py"),
            _suite("aniso8601/builders/tests/test_init.py", "aniso8601/builders/__init__.py"),
        ),
    ),
    PackageSpec(
        name="pyflakes",
        distribution="pyflakes",
        version="4.1.0",
        sha256="b2e05e6bac8e49b67be2a6ffa63422c60f7193fc72e8180255907b41ec997dc1",
        licence="MIT",
        terms="Copyright 2005-2011 Divmod, Inc.; Copyright 2013-2014 Florent Xicluna",
        licence_member="*/licenses/LICENSE",
        split="train",
        files=("pyflakes/*.py",),
        left_out=("*/test_doctests.py", "*/test_lazy_imports.py"),  # slow; skipped on this Python
        suites=(
            _suite("pyflakes/test/test_other.py", "pyflakes/checker.py", "pyflakes/messages.py"),
            _suite("pyflakes/test/test_imports.py", "pyflakes/checker.py"),
            _suite("pyflakes/test/test_undefined_names.py", "pyflakes/checker.py"),
            _suite("pyflakes/test/test_type_annotations.py", "pyflakes/checker.py"),
            _suite("pyflakes/test/test_dict.py", "pyflakes/checker.py"),
            _suite("pyflakes/test/test_is_literal.py", "pyflakes/checker.py"),
            _suite("pyflakes/test/test_api.py", "pyflakes/api.py", "pyflakes/reporter.py"),
        ),
    ),
    PackageSpec(
        name="hyperlink",
        distribution="hyperlink",
        version="21.0.0",
        sha256="e6b14c37ecb73e89c77d78cdb4c2cc8f3fb59a885c5b3f819ff4ed80f25af1b4",
        licence="MIT",
        terms="Copyright (c) 2017 Glyph Lefkowitz, Mahmoud Hashemi and others, named in the licence",
        licence_member="*.dist-info/LICENSE",
        split="heldout",
        files=("hyperlink/*.py",),
        left_out=("*hypothesis.py",),
        suites=(
            _suite("hyperlink/test/test_url.py", "hyperlink/_url.py"),
            _suite("hyperlink/test/test_decoded_url.py", "hyperlink/_url.py"),
            _suite("hyperlink/test/test_scheme_registration.py", "hyperlink/_url.py"),
        ),
    ),
    PackageSpec(
        name="automat",
        distribution="automat",
        version="25.4.16",
        sha256="04e9bce696a8d5671ee698005af6e5a9fa15354140a87f4870744604dcdd3ba1",
        licence="MIT",
        terms="Copyright (c) 2014 Rackspace",
        licence_member="*/licenses/LICENSE",
        split="heldout",
        files=("automat/*.py",),
        left_out=("*visualize.py", "*discover.py"),  # they need graphviz and Twisted
        suites=(
            _suite("automat/_test/test_methodical.py", "automat/_methodical.py", "automat/_core.py"),
            _suite("automat/_test/test_core.py", "automat/_core.py"),
            _suite("automat/_test/test_type_based.py", "automat/_typed.py", "automat/_core.py"),
        ),
    ),
)
