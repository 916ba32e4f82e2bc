"""Datasets about the digits and factors of a number, as worksheets of equations."""

from __future__ import annotations

from components.tasks.extra.gym.items import Item
from components.tasks.extra.gym.worksheet import Filled, Line, Wrong, equation_fault, fill

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base_conversion(item: Item) -> Filled | None:
    """By Horner's scheme to a number, by divisions to digits of the other base; base ten needs one of the two."""
    text, source, target = (item.facts[name] for name in ("source_repr", "source_base", "target_base"))
    value, lines = _DIGITS.index(text[0]), []
    if source == 10:
        value = int(text)
    else:
        for end in range(2, len(text) + 1):
            lines.append(_horner(text[:end], value, source))
            value = value * source + _DIGITS.index(text[end - 1])
    answer = str(value)
    if target != 10:
        divided, rests = _divisions(value, target)
        lines += divided
        answer = "".join(_DIGITS[rest] for rest in reversed(rests))
        lines.append(_read_off(rests, answer))
    horner = f"the number that the first digits stand for: {_example(source)}" if source != 10 else ""
    division = "digit 1, digit 2 ... from the right: QUOTIENT*BASE+REST=NUMBER; then digits: RESULT"
    form = "; ".join(part for part in (horner, division if target != 10 else "") if part)
    return fill(
        form,
        "[First the number, then its digits in the other base.|From base to base by way of the number itself.]"
        if source != 10 and target != 10
        else "[Digit by digit.|One digit after the other.]",
        lines,
        answer,
    )


def count_bits(item: Item) -> Filled | None:
    """Halved until nothing is left, the rests counted."""
    divided, rests = _divisions(item.facts["number"], 2)
    ones = sum(rests)
    last = Line(
        left="ones",
        right=str(ones),
        because="[the rests that are 1 are counted|one counts the rests of 1]",
        says="the ones are {right}",
        fault=lambda right: f"the rests of 1 are {'+'.join('1' for _ in range(ones))}",
        wrong=(
            Wrong(name="digits counted", right=str(len(rests)), because="so many digits there are",
                  lesson="Only the ones count, not every digit"),
            Wrong(name="zeros counted", right=str(len(rests) - ones), because="the rests of 0 are counted",
                  lesson="The ones are asked for, not the zeros"),
        ),
    )  # fmt: skip
    return fill(
        "digit 1, digit 2 ... from the right: QUOTIENT*2+REST=NUMBER; then ones: COUNT",
        "[Halve and look at what is left.|The rests of halving are the bits.]",
        [*divided, last],
        str(ones),
    )


def prime_factorization(item: Item) -> Filled | None:
    """The smallest divisor taken out again and again, until a prime is left."""
    number, lines = item.facts["number"], list[Line]()
    factors: list[int] = []
    while (factor := _smallest_divisor(number)) < number:
        lines.append(_factor_line(len(lines) + 1, number, factor))
        factors.append(factor)
        number //= factor
    lines.append(
        Line(
            left=f"factor {len(lines) + 1}",
            right=f"{number} is prime",
            because="[nothing smaller divides {n}|no smaller number divides {n}]",
            says="{n} is prime",
            fault=lambda right: f"no smaller number divides {number}",
            slots={"n": number},
        )
    )
    return fill(
        "factor 1, factor 2 ...: SMALLEST PRIME*REST=NUMBER; the last one: NUMBER is prime",
        "[Small primes first.|Take out the smallest divisor, again and again.|Divide by small primes.]",
        lines,
        " × ".join(str(factor) for factor in (*factors, number)),
    )


def _horner(prefix: str, before: int, base: int) -> Line:
    digit = _DIGITS.index(prefix[-1])
    value = before * base + digit
    wrong = [
        Wrong(name="base ten", right=f"{before}*10+{digit}={before * 10 + digit}",
              because=f"the next digit is {prefix[-1]}", lesson="Each step multiplies by the base, not by ten"),
        Wrong(name="digit forgotten", right=f"{before}*{base}={before * base}",
              because="the next digit moves the others on", lesson="The digit itself is added as well"),
        Wrong(name="added", right=f"{before}+{base}+{digit}={before + base + digit}",
              because=f"the next digit is {prefix[-1]}", lesson="Each step multiplies by the base, it does not add it"),
    ]  # fmt: skip
    if digit > 10:
        said = f"{before}*{base}+10={before * base + 10}"
        lesson = "Letters count on from ten"
        wrong.append(Wrong(name="every letter ten", right=said, because=f"{prefix[-1]} is a letter", lesson=lesson))
    return Line(
        left=prefix,
        right=f"{before}*{base}+{digit}={value}",
        because="[the digit {d} comes next|{d} is the next digit|on to the digit {d}]",
        says="[so far|up to here] {left} [is|stands for|gives] {right}",
        fault=equation_fault(f"{prefix} is {before} times the base {base}, and {digit} more"),
        slots={"d": prefix[-1]},
        wrong=tuple(wrong),
    )


def _divisions(number: int, base: int) -> tuple[list[Line], list[int]]:
    """A line for each digit of `number` from the right, and the digits."""
    lines: list[Line] = []
    rests: list[int] = []
    while number:
        quotient, rest = divmod(number, base)
        rests.append(rest)
        lines.append(_division(len(rests), number, quotient, rest, base))
        number = quotient
    return lines, rests


def _division(place: int, number: int, quotient: int, rest: int, base: int) -> Line:
    right = f"{quotient}*{base}+{rest}={number}"
    wrong = [
        Wrong(name="rest too large", right=f"{quotient - 1}*{base}+{rest + base}={number}",
              because=f"{number} is divided by {base}", lesson="A rest is smaller than the base"),
        Wrong(name="rest forgotten", right=f"{quotient}*{base}={number}",
              because=f"{base} goes {quotient} times", lesson="What is left over belongs to the number"),
        Wrong(name="quotient one too large", right=f"{quotient + 1}*{base}+{rest}={number}",
              because=f"{number} is divided by {base}", lesson="The quotient is rounded down"),
    ]  # fmt: skip

    def fault(said: str) -> str:
        reason = equation_fault(f"the rest of {number} by {base} is below {base}")(said)
        return reason if said.endswith(f"={number}") else f"the number is {number}"

    return Line(
        left=f"digit {place}",
        right=right,
        because="[{base} goes {q} times into {n}|{n} is divided by {base}]",
        says="{right}",
        fault=fault,
        slots={"base": base, "q": quotient, "n": number},
        wrong=tuple(wrong[1:] if quotient == 0 else wrong),
    )


def _read_off(rests: list[int], answer: str) -> Line:
    wrong = [
        Wrong(name="order of the divisions", right=answer[::-1], because="the rests are read as they came",
              lesson="The first rest is the last digit"),
    ]  # fmt: skip
    if max(rests) > 9:
        numbers = "".join(str(rest) for rest in reversed(rests))
        lesson = "A rest above nine is one letter"
        wrong.append(
            Wrong(name="two figures for a digit", right=numbers, because="the rests are joined", lesson=lesson)
        )

    def fault(said: str) -> str:
        if len(said) != len(rests):
            return f"{len(said)} places, not {len(rests)}"
        place = next(place for place, (one, other) in enumerate(zip(said, answer, strict=True)) if one != other)
        return f"place {place + 1} from the left is the rest of digit {len(rests) - place}"

    return Line(
        left="digits",
        right=answer,
        because="[the rests are read from the last to the first|read backwards, the rests are the digits]",
        says="the [number reads|digits are] {right}",
        fault=fault,
        wrong=tuple(wrong),
    )


def _factor_line(place: int, number: int, factor: int) -> Line:
    rest = number // factor
    composite = next((d for d in range(factor + 1, number) if number % d == 0 and _smallest_divisor(d) < d), 0)
    larger = next((d for d in range(factor + 1, rest + 1) if number % d == 0 and _smallest_divisor(d) == d), 0)
    wrong = []
    if factor > 2:
        lesson = "What looks prime must be tried by every small prime"
        wrong.append(Wrong(name="taken for prime", right=f"{number} is prime", because="no divisor is in sight",
                           lesson=lesson))  # fmt: skip
    if composite:
        wrong.append(Wrong(name="composite factor", right=f"{composite}*{number // composite}={number}",
                           because=f"{composite} divides {number}", lesson="A factor must be prime"))  # fmt: skip
    if larger:
        wrong.append(Wrong(name="smaller prime passed over", right=f"{larger}*{number // larger}={number}",
                           because=f"{larger} divides {number}", lesson="The smallest prime comes first"))  # fmt: skip
    wrong.append(Wrong(name="quotient slip", right=f"{factor}*{rest + 10}={number}",
                       because=f"{factor} divides {number}", lesson="The product must come back to it"))  # fmt: skip

    def fault(said: str) -> str:
        taken = said.partition("*")[0]
        reason = equation_fault("")(said) if "=" in said else f"{number} is {factor}*{rest}"
        if reason or not taken.isdecimal():
            return reason or "the smallest prime comes first"
        if not said.endswith(f"={number}"):
            return f"the number is {number}"
        divisor = _smallest_divisor(int(taken)) if int(taken) > 1 else 1
        if divisor < int(taken):
            return f"{taken} is {divisor}*{int(taken) // divisor}"
        return f"{factor} divides {number} too and is smaller"

    return Line(
        left=f"factor {place}",
        right=f"{factor}*{rest}={number}",
        because="[{f} is the smallest prime in {n}|{f} divides {n}|{n} has the factor {f}]",
        says="{right}",
        fault=fault,
        slots={"f": factor, "n": number},
        wrong=tuple(wrong),
    )


def _smallest_divisor(number: int) -> int:
    """The smallest divisor above 1, which is prime."""
    return next((divisor for divisor in range(2, int(number**0.5) + 1) if number % divisor == 0), number)


def _example(base: int) -> str:
    return f"1a: 1*{base}+10={base + 10}" if base > 10 else f"11: 1*{base}+1={base + 1}"
