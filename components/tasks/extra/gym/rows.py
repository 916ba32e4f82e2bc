"""Datasets that go through numbers, words or letters one by one: sorting, filtering, counting, spelling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from components.tasks.extra.gym.items import Item
from components.tasks.extra.gym.worksheet import Fault, Line, Worksheet, fill

_Key = Callable[[str], Any]


def number_sorting(item: Item) -> Worksheet | None:
    wrong: dict[str, _Key] = {"sign ignored": lambda text: abs(Decimal(text)), "as text": str}
    return _sorted(item, item.facts["original_numbers"], Decimal, wrong, str)


def word_sorting(item: Item) -> Worksheet | None:
    wrong: dict[str, _Key] = {"case ignored": str.lower, "by length": lambda text: (len(text), text)}
    return _sorted(item, item.facts["transformed_words"], str, wrong, ", ".join)


def _sorted(
    item: Item,
    things: Sequence[str],
    key: _Key,
    wrong_keys: Mapping[str, _Key],
    written: Callable[[list[str]], str],
) -> Worksheet | None:
    """Place by place the first of those that are left."""
    if len(set(map(key, things))) < len(things):
        return None
    first, last = (0, -1) if item.facts["direction"] == "ascending" else (-1, 0)
    left, chosen, lines = list(things), list[str](), list[Line]()
    while left:
        right = sorted(left, key=key)[first]
        wrong = {name: sorted(left, key=wrong_key)[first] for name, wrong_key in wrong_keys.items()}
        wrong["from the other end"] = sorted(left, key=key)[last]
        lines.append(
            Line(
                kind="place",
                left=f"place {len(chosen) + 1}",
                right=right,
                fault=_place_fault(tuple(left), tuple(chosen), right),
                slots={"direction": item.facts["direction"]},
                wrong={name: thing for name, thing in wrong.items() if thing != right},
            )
        )
        chosen.append(right)
        left.remove(right)
    return fill(
        "place 1, place 2 ...: what stands there when all is sorted",
        "[Place by place.|Each time the first of those that are left.|From the front, one by one.]",
        lines,
        written(chosen),
    )


def _place_fault(left: tuple[str, ...], chosen: tuple[str, ...], first: str) -> Fault:
    def fault(written: str) -> str:
        if written in left:
            return f"{first} is left and comes before it"
        return f"{written[:20]} has its place" if written in chosen else f"no {written[:20]} among them"

    return fault


def number_filtering(item: Item) -> Worksheet | None:
    """Number by number: kept or dropped."""
    threshold = item.facts["filter_value"]
    action, _, side = item.facts["operation"].partition("_")
    numbers = item.facts["original_numbers"]
    lines = [_filter_line(place, text, threshold, action, side) for place, text in enumerate(numbers, start=1)]
    kept = [text for text, line in zip(numbers, lines, strict=True) if line.right.endswith("is kept")]
    return fill(
        "number 1, number 2 ...: NUMBER is kept, or NUMBER is dropped",
        "[Number by number.|Each number beside the bound.|One number after the other.]",
        lines,
        str(kept),
    )


def _filter_line(place: int, text: str, threshold: str, action: str, side: str) -> Line:
    number, bound = Decimal(text), Decimal(threshold)

    def verdict(meets: bool) -> str:
        return f"{text} is {'kept' if meets == (action == 'keep') else 'dropped'}"

    meets = number > bound if side == "larger" else number < bound
    sizes = abs(number) > abs(bound) if side == "larger" else abs(number) < abs(bound)
    relation = "larger than" if number > bound else "smaller than" if number < bound else "equal to"
    right, wrong = verdict(meets), {"sign ignored": verdict(sizes), "keep and remove swapped": verdict(not meets)}
    return Line(
        kind="number",
        left=f"number {place}",
        right=right,
        fault=lambda written: (
            f"{text} is {relation} {threshold}" if written.startswith(f"{text} ") else f"number {place} is {text}"
        ),
        slots={"n": text, "relation": relation, "bound": threshold},
        wrong={name: other for name, other in wrong.items() if other != right},
    )


def letter_counting(item: Item) -> Worksheet | None:
    """Word by word, with the count so far."""
    letter, words = item.facts["target_letter"], item.facts["span"]
    if not letter.isalpha():
        return None
    lines, total = list[Line](), 0
    for place, word in enumerate(words, start=1):
        lines.append(_word_line(place, word, letter, total))
        total += word.lower().count(letter)
    return fill(
        "the words in order: 1 WORD: COUNT, so far TOTAL",
        f"[Word by word.|Go through the words and count.|Every {letter}, word after word.]",
        lines,
        str(total),
    )


def _word_line(place: int, word: str, letter: str, before: int) -> Line:
    count = word.lower().count(letter)
    miscounts = {
        "capital missed": word.count(letter),
        "double letter once": word.lower().replace(letter * 2, letter).count(letter),
        "first one alone": min(count, 1),
    }
    wrong = {name: f"{other}, so far {before + other}" for name, other in miscounts.items() if other != count}
    if before:
        wrong["count not carried on"] = f"{count}, so far {count}"

    def fault(written: str) -> str:
        if written.partition(",")[0] != str(count):
            places = [str(at) for at, other in enumerate(word.lower(), start=1) if other == letter]
            return f"{letter} in {word}: {'letter ' + ', '.join(places) if places else 'nowhere'}"
        return f"{before} and {count} are {before + count}"

    return Line(
        kind="word",
        left=f"{place} {word}",
        right=f"{count}, so far {before + count}",
        fault=fault,
        slots={"word": word, "count": count, "total": before + count},
        wrong=wrong,
    )


def spell_backward(item: Item) -> Worksheet | None:
    """From the last letter on, each time with one letter more."""
    word = item.facts["word"]
    if not word.islower():
        return None
    return fill(
        "the last letters, one more each time: LETTERS: THE SAME BACKWARD",
        "[From the last letter on.|Letter by letter from the end.|Begin with the last letter.]",
        [_spelling_line(word, count) for count in range(3, len(word) + 1)],
        word[::-1],
    )


def _spelling_line(word: str, count: int) -> Line:
    end, letter = word[-count:], word[-count]
    before, skipped = end[:0:-1], word[-count - 1 : -count]
    wrong = {"put in front": letter + before, "not turned round": end}
    if skipped:
        wrong["letter passed over"] = before + skipped
    if before[-1] == letter:
        wrong["double letter once"] = before
    return Line(
        kind="spelling",
        left=end,
        right=before + letter,
        fault=lambda written: f"{written[:20]} read from its end is {written[:20][::-1]}, not {end}",
        slots={"before": before[::-1], "letter": letter, "skipped": skipped},
        wrong={name: other for name, other in wrong.items() if other != before + letter},
    )
