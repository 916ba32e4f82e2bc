"""Datasets of arithmetic and algebra as sheets: sums, products, expressions, divisors, fractions, equations, angles."""

from __future__ import annotations

import ast
import re
from itertools import accumulate, pairwise

from components.tasks.extra.gym.items import Item
from components.tasks.extra.gym.sheet import Sheet, Worked
from components.tasks.kit.wording import in_words
from components.tasks.math.expressions import evaluate

_RULES = {"+": "sum", "-": "difference", "*": "product"}
_INVERSE = {"+": "-", "-": "+", "*": "/"}
_SMALLEST_FACTOR = 13  # equations with smaller ones are those of components.tasks.math
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


def chain(item: Item) -> Worked | None:
    """`4 - 5 + 3`, or a product of several factors, term by term; checked backwards, from the result to the first."""
    first, *rest = item.facts["expression"].split()
    sheet = Sheet()
    node = start = sheet.given(int(first))
    joined, undone = [], ""
    for count, (sign, number) in enumerate(zip(rest[::2], rest[1::2], strict=True), start=2):
        term = sheet.given(int(number))
        node = sheet.step(_RULES[sign], node, term, goal=f"the first {in_words(count)} together")
        joined.append(sign + term)
        undone += _INVERSE[sign] + term
    tail = "".join(joined[1:])
    return sheet.worked(
        "chain",
        [node],
        statement=f"{node}{undone} = {start}",
        wrong=[
            ("last term left out", start + "".join(joined[:-1])),
            ("tail taken first", f"{start}{joined[0][0]}({joined[0][1:]}{tail})"),
        ],
    )


def expression(item: Item) -> Worked | None:
    """An expression with brackets, from the inside; checked by undoing the last operation."""
    text = item.facts["expression"]
    sheet = Sheet()

    def node_of(tree: ast.expr) -> tuple[str, str]:
        """The node of a part, and the part over givens."""
        if isinstance(tree, ast.BinOp):
            sign = _SIGNS[type(tree.op)]
            (left, left_text), (right, right_text) = node_of(tree.left), node_of(tree.right)
            node = sheet.step(_RULES[sign], left, right, goal=f"`{ast.unparse(tree)}`")
            return node, f"({left_text}{sign}{right_text})"
        given = sheet.given(int(ast.literal_eval(tree)))
        return given, given

    whole = ast.parse(text.replace(" ", ""), mode="eval").body
    assert isinstance(whole, ast.BinOp), text
    left, right, sign = node_of(whole.left), node_of(whole.right), _SIGNS[type(whole.op)]
    asked = sheet.step(_RULES[sign], left[0], right[0], goal="the whole")
    signs = re.findall(r"(?<=[\d)]) ([-+*]) ", text)
    givens = list(sheet.givens)
    flat = [givens[0]]
    for sign, given in zip(signs, givens[1:], strict=True):
        flat = ["(", *flat, sign, given, ")"]
    return sheet.worked(
        "expression",
        [asked],
        statement=f"{asked}{_INVERSE[sign]}{right[1]} = {left[1]}",
        wrong=[
            ("from left to right", "".join(flat)),
            ("brackets ignored", "".join(map("".join, zip(givens, [*signs, ""], strict=True)))),
        ],
    )


def greatest_common_divisor(item: Item) -> Worked | None:
    """Euclid's algorithm, number after number."""
    sheet = Sheet()
    numbers = [sheet.given(number) for number in item.facts["numbers"]]
    node = numbers[0]
    for number in numbers[1:]:
        node = sheet.common_divisor(node, number)
    if node in numbers:
        return None
    divides = "; ".join(f"{number} % {node} = 0" for number in numbers)
    together = f"{numbers[0]}/{node}"
    for number in numbers[1:]:
        together = f"gcd({together},{number}/{node})"
    return sheet.worked(
        "gcd",
        [node],
        statement=f"{divides}; {together} = 1",
        wrong=[
            ("difference taken", f"{larger}-{smaller}")
            for smaller, larger in pairwise(sorted(numbers, key=lambda number: sheet.values[number]))
        ],
    )


def least_common_multiple(item: Item) -> Worked | None:
    """The product of two numbers over their common divisor."""
    sheet = Sheet()
    a, b = (sheet.given(number) for number in item.facts["numbers"])
    divisor = sheet.common_divisor(a, b)
    node = sheet.step("least common multiple", a, b, divisor, goal="the least common multiple")
    statement = f"{node} % {a} = 0; {node} % {b} = 0; gcd({node}/{a},{node}/{b}) = 1"
    return sheet.worked("lcm", [node], statement=statement)


def lowest_terms(item: Item) -> Worked | None:
    """Both parts of a fraction over their greatest common divisor, in the notation of the question."""
    sheet = Sheet()
    top, bottom = sheet.given(item.facts["numerator"]), sheet.given(item.facts["denominator"])
    divisor = sheet.common_divisor(top, bottom)
    if sheet.values[divisor] == 1:
        return None
    u = sheet.step("divide by the factor", top, divisor, goal="the new numerator")
    v = sheet.step("divide by the factor", bottom, divisor, goal="the new denominator")
    numerator, denominator = sheet.values[u], sheet.values[v]
    command = item.facts["style"].removeprefix("latex_")
    styles = {"plain": f"{numerator}/{denominator}", "inline": f"${numerator}/{denominator}$"}
    return sheet.worked(
        "lowest_terms",
        [u, v],
        statement=f"{u}*{bottom} = {v}*{top}; gcd({u},{v}) = 1",
        wrong=[("difference taken out", f"{top}/({bottom}-{top})")],
        result=styles.get(command, f"$\\{command}{{{numerator}}}{{{denominator}}}$"),
    )


def linear_equation(item: Item) -> Worked | None:
    """`3*x + 5 = 20`, whatever its letter: the free term moves, the factor is divided out."""
    left, right = item.facts["equation"].split(" = ")
    variable = item.facts["variable"]
    at = [evaluate(left, {variable: evaluate(str(value))}) for value in range(3)]
    factor, free, total = at[1] - at[0], at[0], evaluate(right)
    if at[2] - at[1] != factor or free == 0 or abs(factor) < _SMALLEST_FACTOR:
        return None
    sheet = Sheet()
    a, b, c = (sheet.given(int(number)) for number in (factor, free, total))
    term = sheet.step("move a term", c, b, goal=f"the {variable} term")
    node = sheet.step("divide by the factor", term, a, goal=variable, name=variable)
    return sheet.worked("equation", [node], statement=f"{a}*{variable}+{b}={c}")


def legs(item: Item) -> Worked | None:
    """Animals times their legs, added up; how many legs an animal has is known."""
    from reasoning_gym.arithmetic.leg_counting import ANIMALS

    sheet = Sheet()
    groups, counts = [], []
    for animal, count in item.facts["animals"].items():
        if ANIMALS[animal]:
            counts.append(sheet.given(count))
            each = sheet.given(ANIMALS[animal])
            node = sheet.step("product", counts[-1], each, goal=f"the {animal} legs")
            groups.append((node, f"{counts[-1]}*{each}"))
    if len(groups) < 2:
        return None
    total = groups[0][0]
    for number, (node, _) in enumerate(groups[1:], start=2):
        total = sheet.step("sum", total, node, goal=f"the legs of {in_words(number)} kinds together")
    return sheet.worked(
        "legs",
        [total],
        statement=f"{total}{''.join('-' + text for _, text in groups[1:])} = {groups[0][1]}",
        wrong=[("animals counted", "+".join(counts))],
    )


def last_angle(item: Item) -> Worked | None:
    """What the known angles leave of the sum of all: 180 degrees for each triangle the polygon is cut into."""
    sheet = Sheet()
    sides, two, half_turn = (sheet.given(number) for number in (item.facts["n_sides"], 2, 180))
    angles = [sheet.given(int(angle)) for angle in item.facts["known_angles"]]
    triangles = sheet.step("difference", sides, two, goal="the number of triangles")
    whole = sheet.step("product", half_turn, triangles, goal="the sum of all angles")
    known = angles[0]
    for count, angle in enumerate(angles[1:], start=2):
        known = sheet.step("sum", known, angle, goal=f"the first {in_words(count)} angles together")
    node = sheet.step("difference", whole, known, goal="the last angle")
    sums = list(accumulate(angles, "{}+{}".format))
    return sheet.worked(
        "last_angle",
        [node],
        statement=f"{node}+{sums[-1]} = ({sides}-{two})*{half_turn}",
        wrong=[
            ("one half turn a side", f"{half_turn}*{sides}-({sums[-1]})"),
            ("one angle forgotten", f"({sides}-{two})*{half_turn}-({sums[-2]})"),
        ],
    )
