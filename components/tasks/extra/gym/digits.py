"""Datasets about the digits and factors of a number, as worksheets of equations."""

from __future__ import annotations

from components.tasks.extra.gym.items import Item
from components.tasks.extra.gym.worksheet import Line, Worksheet, equation_fault, fill

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base_conversion(item: Item) -> Worksheet | None:
    """By Horner's scheme to a number, by divisions to digits of the other base; base ten needs one of the two."""
    text, source, target = (item.facts[name] for name in ("source_repr", "source_base", "target_base"))
    lines, forms = list[Line](), list[str]()
    value = int(text, source)
    if source != 10:
        lines += [_horner(text[:end], source) for end in range(2, len(text) + 1)]
        forms.append(f"the number that the first digits stand for: {_example(source)}")
    result = str(value)
    if target != 10:
        divisions, rests = _divisions(value, target)
        result = "".join(_DIGITS[rest] for rest in reversed(rests))
        lines += [*divisions, _read_off(rests, result)]
        forms.append("digit 1, digit 2 ... from the right: QUOTIENT*BASE+REST=NUMBER; then digits: RESULT")
    opening = "[Digit by digit.|One digit after the other.]"
    if len(forms) == 2:
        opening = (
            "[First the number, then its digits in the other base.|From base to base by way of the number itself.]"
        )
    return fill("; ".join(forms), opening, lines, result)


def count_bits(item: Item) -> Worksheet | None:
    """Halved until nothing is left, the rests counted."""
    divisions, rests = _divisions(item.facts["number"], 2)
    ones = sum(rests)
    last = Line(
        kind="ones",
        left="ones",
        right=str(ones),
        fault=lambda written: f"the rests of 1 are {'+'.join('1' * ones)}",
        wrong={"digits counted": str(len(rests)), "zeros counted": str(len(rests) - ones)},
    )
    return fill(
        "digit 1, digit 2 ... from the right: QUOTIENT*2+REST=NUMBER; then ones: COUNT",
        "[Halve and look at what is left.|The rests of halving are the bits.]",
        [*divisions, last],
        str(ones),
    )


def prime_factorization(item: Item) -> Worksheet | None:
    """The smallest divisor taken out again and again, until a prime is left."""
    number, lines, factors = item.facts["number"], list[Line](), list[int]()
    while (factor := _smallest_divisor(number)) < number:
        factors.append(factor)
        lines.append(_factor_line(len(factors), number, factor))
        number //= factor
    lines.append(
        Line(
            kind="prime",
            left=f"factor {len(factors) + 1}",
            right=f"{number} is prime",
            fault=lambda written: f"no smaller number divides {number}",
            slots={"n": number},
        )
    )
    return fill(
        "factor 1, factor 2 ...: SMALLEST PRIME*REST=NUMBER; the last one: NUMBER is prime",
        "[Small primes first.|Take out the smallest divisor, again and again.|Divide by small primes.]",
        lines,
        " × ".join(map(str, (*factors, number))),
    )


def _horner(prefix: str, base: int) -> Line:
    before, digit = int(prefix[:-1], base), _DIGITS.index(prefix[-1])
    wrong = {
        "base ten": f"{before}*10+{digit}={before * 10 + digit}",
        "digit forgotten": f"{before}*{base}={before * base}",
        "added": f"{before}+{base}+{digit}={before + base + digit}",
    }
    if digit > 10:
        wrong["every letter ten"] = f"{before}*{base}+10={before * base + 10}"
    return Line(
        kind="horner",
        left=prefix,
        right=f"{before}*{base}+{digit}={before * base + digit}",
        fault=equation_fault(f"{prefix} is {before} times the base {base}, and {digit} more"),
        slots={"d": prefix[-1]},
        wrong=wrong,
    )


def _divisions(number: int, base: int) -> tuple[list[Line], list[int]]:
    """A line for each digit of `number` from the right, and the digits."""
    lines, rests = list[Line](), list[int]()
    while number:
        rests.append(number % base)
        lines.append(_division(len(rests), number, base))
        number //= base
    return lines, rests


def _division(place: int, number: int, base: int) -> Line:
    quotient, rest = divmod(number, base)
    wrong = {
        "rest too large": f"{quotient - 1}*{base}+{rest + base}={number}",
        "rest forgotten": f"{quotient}*{base}={number}",
        "quotient one too large": f"{quotient + 1}*{base}+{rest}={number}",
    }
    if quotient == 0:
        del wrong["rest too large"]

    def fault(written: str) -> str:
        reason = equation_fault(f"the rest of {number} by {base} is below {base}")(written)
        return reason if written.endswith(f"={number}") else f"the number is {number}"

    return Line(
        kind="division",
        left=f"digit {place}",
        right=f"{quotient}*{base}+{rest}={number}",
        fault=fault,
        slots={"base": base, "q": quotient, "n": number},
        wrong=wrong,
    )


def _read_off(rests: list[int], result: str) -> Line:
    wrong = {"order of the divisions": result[::-1]}
    if max(rests) > 9:
        wrong["two figures for a digit"] = "".join(map(str, reversed(rests)))

    def fault(written: str) -> str:
        if len(written) != len(rests):
            return f"{len(written)} places, not {len(rests)}"
        place = next(place for place, (one, other) in enumerate(zip(written, result, strict=True)) if one != other)
        return f"place {place + 1} from the left is the rest of digit {len(rests) - place}"

    return Line(kind="digits", left="digits", right=result, fault=fault, wrong=wrong)


def _factor_line(place: int, number: int, factor: int) -> Line:
    rest = number // factor
    others = [divisor for divisor in range(factor + 1, number) if number % divisor == 0]
    composite = next((divisor for divisor in others if _smallest_divisor(divisor) < divisor), 0)
    larger = next((divisor for divisor in others if _smallest_divisor(divisor) == divisor), 0)
    wrong = {"taken for prime": f"{number} is prime"} if factor > 2 else {}
    if composite:
        wrong["composite factor"] = f"{composite}*{number // composite}={number}"
    if larger:
        wrong["smaller prime passed over"] = f"{larger}*{number // larger}={number}"
    wrong["wrong quotient"] = f"{factor}*{rest + 10}={number}"

    def fault(written: str) -> str:
        taken = written.partition("*")[0]
        reason = equation_fault("")(written) if "=" in written else f"{number} is {factor}*{rest}"
        if reason or not taken.isdecimal():
            return reason or "the smallest prime comes first"
        if not written.endswith(f"={number}"):
            return f"the number is {number}"
        divisor = _smallest_divisor(int(taken)) if int(taken) > 1 else 1
        if divisor < int(taken):
            return f"{taken} is {divisor}*{int(taken) // divisor}"
        return f"{factor} divides {number} too and is smaller"

    return Line(
        kind="factor",
        left=f"factor {place}",
        right=f"{factor}*{rest}={number}",
        fault=fault,
        slots={"f": factor, "n": number, "composite": composite, "larger": larger},
        wrong=wrong,
    )


def _smallest_divisor(number: int) -> int:
    """The smallest divisor above 1, which is prime."""
    return next((divisor for divisor in range(2, int(number**0.5) + 1) if number % divisor == 0), number)


def _example(base: int) -> str:
    return f"1a: 1*{base}+10={base + 10}" if base > 10 else f"11: 1*{base}+1={base + 1}"
