"""Small Python functions with tests, and their mutations: what `code_repair` tasks are made of.

A template is a function of three to eight lines with slots for names and constants, and a way to draw arguments. Every
one ends for every mutation: only `for` loops. Source text is what `ast.unparse` writes, so a mutation changes one line.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from components.agent.environment import Split
from components.tasks.code.operators import Mutation
from components.tasks.code.packages import definitions

Arguments = tuple[object, ...]
_NOUNS = ("cost", "size", "weight", "score", "speed", "level", "price", "count", "height", "value")
_LISTS = ("items", "values", "numbers", "scores", "sizes")


@dataclass(frozen=True, kw_only=True)
class Template:
    """`source` has the slots {f} (function), {a} {b} {c} (names), {xs} (a list's name), {k} {m} (constants)."""

    name: str
    verbs: tuple[str, ...]
    source: str
    arguments: Callable[[random.Random, int, int], Arguments]
    split: Split = "train"


@dataclass(frozen=True, kw_only=True)
class Program:
    """One function and its cases: arguments and the value the right source gives."""

    template: str
    function: str
    source: str
    cases: tuple[tuple[Arguments, object], ...]


def _n(rng: random.Random, low: int = 0, high: int = 20) -> int:
    return rng.randint(low, high)


def _list(rng: random.Random, low: int = 3, high: int = 4, top: int = 9) -> list[int]:
    return [rng.randint(1, top) for _ in range(rng.randint(low, high))]


TEMPLATES = (
    Template(
        name="linear",
        verbs=("total", "bill", "charge"),
        source="def {f}({a}, {b}):\n    total = {a} * {k} + {b}\n    return total - {m}",
        arguments=lambda rng, k, m: (_n(rng), _n(rng)),
    ),
    Template(
        name="clamp",
        verbs=("clamp", "limit", "bound"),
        source="def {f}({a}, low, high):\n    if {a} < low:\n        return low\n    if {a} > high:\n"
        "        return high\n    return {a}",
        arguments=lambda rng, k, m: (_n(rng), (low := _n(rng, 3, 9)), low + _n(rng, 1, 8)),
    ),
    Template(
        name="count_above",
        verbs=("count_above", "count_over", "how_many"),
        source="def {f}({xs}):\n    found = 0\n    for {a} in {xs}:\n        if {a} > {k}:\n"
        "            found = found + 1\n    return found",
        arguments=lambda rng, k, m: ([*_list(rng, 2, 4, 12), k],),
    ),
    Template(
        name="sum_range",
        verbs=("sum_to", "add_up", "series"),
        source="def {f}(n):\n    total = 0\n    for i in range(1, n + 1):\n        total = total + i * {k}\n"
        "    return total",
        arguments=lambda rng, k, m: (_n(rng, 1, 8),),
    ),
    Template(
        name="largest",
        verbs=("largest", "biggest", "highest"),
        source="def {f}({xs}):\n    best = {xs}[0]\n    for {a} in {xs}:\n        if {a} > best:\n"
        "            best = {a}\n    return best",
        arguments=lambda rng, k, m: (_list(rng),),
    ),
    Template(
        name="last_items",
        verbs=("last", "tail", "ending"),
        source="def {f}({xs}, n):\n    start = len({xs}) - n\n    part = {xs}[start:]\n    return part",
        arguments=lambda rng, k, m: ((xs := _list(rng)), _n(rng, 1, len(xs) - 1)),
    ),
    Template(
        name="mean",
        verbs=("mean", "average", "middle"),
        source="def {f}({a}, {b}, {c}):\n    total = {a} + {b} + {c}\n    return total // 3",
        arguments=lambda rng, k, m: (_n(rng), _n(rng), _n(rng)),
    ),
    Template(
        name="discount",
        verbs=("discount", "reduce", "cut"),
        source="def {f}({a}):\n    if {a} >= {k}:\n        return {a} - {m}\n    return {a}",
        arguments=lambda rng, k, m: (rng.choice((k - 1, k, k + _n(rng, 1, 9))),),
    ),
    Template(
        name="distance",
        verbs=("distance", "gap", "spread"),
        source="def {f}({a}, {b}):\n    gap = {a} - {b}\n    if gap < 0:\n        return -gap\n    return gap",
        arguments=lambda rng, k, m: (_n(rng), _n(rng)),
    ),
    Template(
        name="overlap",
        verbs=("overlap", "shared", "common"),
        source="def {f}({a}, {b}, {c}):\n    start = max({a}, {k})\n    end = min({b}, {c})\n    return end - start",
        arguments=lambda rng, k, m: (_n(rng, 0, 9), _n(rng, 10, 20), _n(rng, 10, 20)),
    ),
    Template(
        name="power",
        verbs=("power", "raised", "grow"),
        source="def {f}({a}, n):\n    result = 1\n    for i in range(n):\n        result = result * {a}\n"
        "    return result",
        arguments=lambda rng, k, m: (_n(rng, 2, 5), _n(rng, 1, 3)),
    ),
    Template(
        name="every_nth",
        verbs=("every", "pick", "stride"),
        source="def {f}({xs}):\n    picked = []\n    for i in range(0, len({xs}), 2):\n"
        "        picked.append({xs}[i])\n    return picked",
        arguments=lambda rng, k, m: (_list(rng),),
    ),
    Template(
        name="index_of",
        verbs=("index_of", "position", "find"),
        source="def {f}({xs}, {a}):\n    for i in range(len({xs})):\n        if {xs}[i] == {a}:\n"
        "            return i + {k}\n    return 0",
        arguments=lambda rng, k, m: ((xs := _list(rng, 3, 4, 9)), rng.choice([*xs, 10])),
    ),
    Template(
        name="repeat",
        verbs=("repeat", "echo", "pad"),
        source="def {f}(word, n):\n    text = word * n\n    return text + word",
        arguments=lambda rng, k, m: (rng.choice(("ab", "x", "no", "go")), _n(rng, 1, 3)),
    ),
    Template(
        name="squares",
        verbs=("squares", "energy", "norm"),
        source="def {f}({xs}):\n    total = {k}\n    for {a} in {xs}:\n        total = total + {a} * {a}\n"
        "    return total",
        arguments=lambda rng, k, m: (_list(rng, 2, 3, 6),),
    ),
    Template(
        name="perimeter",
        verbs=("perimeter", "fence", "border"),
        source="def {f}({a}, {b}):\n    half = {a} + {b}\n    return half * 2 - {k}",
        arguments=lambda rng, k, m: (_n(rng, 1, 12), _n(rng, 1, 12)),
        split="heldout",
    ),
    Template(
        name="smallest",
        verbs=("smallest", "lowest", "least"),
        source="def {f}({xs}):\n    best = {xs}[0]\n    for {a} in {xs}:\n        if {a} < best:\n"
        "            best = {a}\n    return best",
        arguments=lambda rng, k, m: (_list(rng),),
        split="heldout",
    ),
    Template(
        name="factorial",
        verbs=("factorial", "arrangements", "orders"),
        source="def {f}(n):\n    result = 1\n    for i in range(2, n + 1):\n        result = result * i\n"
        "    return result",
        arguments=lambda rng, k, m: (_n(rng, 1, 6),),
        split="heldout",
    ),
    Template(
        name="grade",
        verbs=("grade", "rank", "band"),
        source="def {f}({a}):\n    if {a} >= {k} + {m}:\n        return 2\n    if {a} >= {k}:\n        return 1\n"
        "    return 0",
        arguments=lambda rng, k, m: (rng.choice((k - 1, k, k + m - 1, k + m, k + m + 3)),),
        split="heldout",
    ),
)


def draw_program(rng: random.Random, split: Split, cases: int) -> Program:
    """A program of the split's templates with `cases` different cases (fewer where the arguments allow fewer)."""
    template = rng.choice([template for template in TEMPLATES if template.split == split])
    first, second, third = rng.sample(_NOUNS, 3)
    k, m = rng.sample(range(2, 10), 2)
    function = rng.choice(template.verbs)
    text = template.source.format(f=function, a=first, b=second, c=third, xs=rng.choice(_LISTS), k=k, m=m)
    source = ast.unparse(ast.parse(text)) + "\n"
    namespace: dict[str, Callable[..., object]] = {}
    exec(compile(source, "task.py", "exec"), namespace)  # our own template, no model's code
    found: dict[str, tuple[Arguments, object]] = {}
    for _ in range(cases * 5):
        arguments = template.arguments(rng, k, m)
        if len(found) < cases:
            found.setdefault(repr(arguments), (arguments, namespace[function](*arguments)))
    return Program(template=template.name, function=function, source=source, cases=tuple(found.values()))


def write_tests(function: str, cases: tuple[tuple[Arguments, object], ...]) -> str:
    """A pytest file with one test a case."""
    tests = [
        f"def test_{number}():\n    assert {function}({', '.join(map(repr, arguments))}) == {value!r}\n"
        for number, (arguments, value) in enumerate(cases, start=1)
    ]
    return "\n".join([f"from task import {function}\n", *tests])


_SIGNS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
}
_COMPARISONS: dict[type[ast.cmpop], dict[str, type[ast.cmpop]]] = {
    ast.Lt: {"comparison_boundary": ast.LtE, "comparison_negated": ast.Gt},
    ast.LtE: {"comparison_boundary": ast.Lt, "comparison_negated": ast.GtE},
    ast.Gt: {"comparison_boundary": ast.GtE, "comparison_negated": ast.Lt},
    ast.GtE: {"comparison_boundary": ast.Gt, "comparison_negated": ast.LtE},
    ast.Eq: {"comparison_negated": ast.NotEq},
}


def program_mutations(source: str) -> list[Mutation]:
    """Every mutation of a program, without repeats: sign swapped, comparison shifted or turned, constant off by one,
    other variable returned.

    The changed tree is written anew, so a changed operand keeps its place in the expression: `a + b * c` becomes
    `a + (b + c)`. The mutations of `operators.py` change text, which real packages need for their layout.
    """
    tree, lines = ast.parse(source), source.splitlines()
    (function,) = definitions(source)
    found: dict[tuple[int, str], Mutation] = {}
    for node in list(ast.walk(tree)):
        for operator, field, value in list(_changes(node, tree)):
            before = getattr(node, field)
            setattr(node, field, value)
            changed = ast.unparse(tree).splitlines()
            setattr(node, field, before)
            pairs = enumerate(zip(lines, changed, strict=False), start=1)
            differing = [(number, old, new) for number, (old, new) in pairs if old != new]
            if len(changed) == len(lines) and len(differing) == 1:
                ((number, old, new),) = differing
                mutation = Mutation(operator=operator, function=function, line=number, old=old, new=new)
                found.setdefault((number, new), mutation)
    return list(found.values())


def _changes(node: ast.AST, tree: ast.Module) -> Iterator[tuple[str, str, object]]:
    """What can be done to one node: an operator, a field of the node and the field's new value."""
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        yield "arithmetic_swapped", "op", _SIGNS[type(node.op)]()
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        for operator, turned in _COMPARISONS[type(node.ops[0])].items():
            yield operator, "ops", [turned()]
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        for step in (1, -1) if node.value > 0 else (1,):
            yield "off_by_one", "value", node.value + step
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Name):
        names = [name.arg for name in ast.walk(tree) if isinstance(name, ast.arg)]
        names += [target.id for item in ast.walk(tree) if isinstance(item, ast.Assign)
                  for target in item.targets if isinstance(target, ast.Name)]  # fmt: skip
        for other in [name for name in dict.fromkeys(names) if name != node.value.id][:2]:
            yield "wrong_variable", "value", ast.Name(other)
