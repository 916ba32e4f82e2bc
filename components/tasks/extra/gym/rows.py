"""Datasets that go through numbers, words or letters one by one: sorting, filtering, counting, spelling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from components.tasks.extra.gym.items import Item
from components.tasks.extra.gym.worksheet import Filled, Line, Wrong, fill


def number_sorting(item: Item) -> Filled | None:
    numbers = item.facts["original_numbers"]
    orders: dict[str, tuple[Callable[[str], object], str]] = {
        "sign ignored": (lambda text: abs(Decimal(text)), "Of negative numbers the larger size is the smaller number"),
        "as text": (lambda text: text, "Numbers go by their value, not figure by figure"),
    }
    return _sorted(item, numbers, Decimal, orders, lambda chosen: str(chosen))


def word_sorting(item: Item) -> Filled | None:
    orders: dict[str, tuple[Callable[[str], object], str]] = {
        "case ignored": (lambda text: text.lower(), "Capital letters come before all small ones"),
        "by length": (lambda text: (len(text), text), "Letters decide, not the length"),
    }
    return _sorted(item, item.facts["transformed_words"], lambda text: text, orders, ", ".join)


def _sorted(
    item: Item,
    things: Sequence[str],
    key: Callable[[str], object],
    orders: dict[str, tuple[Callable[[str], object], str]],
    written: Callable[[list[str]], str],
) -> Filled | None:
    """Place by place the first of those that are left; `orders` are the wrong ones, each with its lesson."""
    if len(set(map(key, things))) < len(things):
        return None
    ascending = item.facts["direction"] == "ascending"
    left, lines = list(things), list[Line]()
    chosen: list[str] = []
    for place in range(1, len(things) + 1):
        first = _first(left, key, ascending)
        wrong = [
            Wrong(
                name=name, right=_first(left, order, ascending), because="of those left it comes first", lesson=lesson
            )
            for name, (order, lesson) in orders.items()
        ]
        wrong.append(
            Wrong(name="from the other end", right=_first(left, key, not ascending),
                  because="of those left it comes first", lesson=f"The order asked for is {item.facts['direction']}")
        )  # fmt: skip
        lines.append(
            Line(
                left=f"place {place}",
                right=first,
                because="[of those left {right} comes first|none of those left comes before {right}]",
                says="[next is {right}|next comes {right}|{left} goes to {right}]",
                fault=_place_fault(tuple(left), tuple(chosen), first),
                wrong=tuple(one for one in wrong if one.right != first),
            )
        )
        chosen.append(first)
        left.remove(first)
    return fill(
        "place 1, place 2 ...: what stands there when all is sorted",
        "[Place by place.|Each time the first of those that are left.|From the front, one by one.]",
        lines,
        written(chosen),
    )


def _first(left: list[str], key: Callable[[str], object], ascending: bool) -> str:
    ordered = sorted(left, key=key)  # type: ignore[arg-type]
    return ordered[0] if ascending else ordered[-1]


def _place_fault(left: tuple[str, ...], chosen: tuple[str, ...], first: str) -> Callable[[str], str]:
    def fault(said: str) -> str:
        if said in left:
            return f"{first} is left and comes before it"
        return f"{said[:20]} has its place" if said in chosen else f"no {said[:20]} among them"

    return fault


def number_filtering(item: Item) -> Filled | None:
    """Number by number: kept or dropped."""
    threshold = item.facts["filter_value"]
    action, _, side = item.facts["operation"].partition("_")
    lines, kept = [], []
    for place, text in enumerate(item.facts["original_numbers"], start=1):
        lines.append(_filter_line(place, text, threshold, action, side))
        if lines[-1].right.endswith("is kept"):
            kept.append(text)
    return fill(
        "number 1, number 2 ...: NUMBER is kept, or NUMBER is dropped",
        "[Number by number.|Each number beside the bound.|One number after the other.]",
        lines,
        str(kept),
    )


def _filter_line(place: int, text: str, threshold: str, action: str, side: str) -> Line:
    number, bound = Decimal(text), Decimal(threshold)

    def verdict(meets: bool, wanted: str = action) -> str:
        return f"{text} is {'kept' if meets == (wanted == 'keep') else 'dropped'}"

    meets = number > bound if side == "larger" else number < bound
    sizes = abs(number) > abs(bound) if side == "larger" else abs(number) < abs(bound)
    relation = "larger than" if number > bound else "smaller than" if number < bound else "equal to"
    wrong = (
        Wrong(name="sign ignored", right=verdict(sizes), because="its size is set beside the bound's",
              lesson="Signs count: a negative number is below every positive one"),
        Wrong(name="keep and remove swapped", right=verdict(meets, "remove" if action == "keep" else "keep"),
              because=f"it is {relation} {threshold}", lesson="What the task does with such numbers was turned round"),
    )  # fmt: skip
    right = verdict(meets)
    return Line(
        left=f"number {place}",
        right=right,
        because="[{n} is {relation} {bound}|{n} {relation} {bound}]",
        says="{right}",
        fault=lambda said: (
            f"{text} is {relation} {threshold}" if said.startswith(f"{text} ") else f"number {place} is {text}"
        ),
        slots={"n": text, "relation": relation, "bound": threshold},
        wrong=tuple(one for one in wrong if one.right != right),
    )


def letter_counting(item: Item) -> Filled | None:
    """Word by word, with the count so far."""
    letter, words = item.facts["target_letter"], item.facts["span"]
    if not letter.isalpha():
        return None
    lines, total = [], 0
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
    because = f"{word} is looked through"
    slips = {
        "capital missed": (word.count(letter), "A capital letter is the same letter"),
        "double letter once": (
            word.lower().replace(letter * 2, letter).count(letter),
            "A double letter counts twice",
        ),
        "first one alone": (min(count, 1), "A word may hold the letter more than once"),
    }
    wrong = [
        Wrong(name=name, right=f"{said}, so far {before + said}", because=because, lesson=lesson)
        for name, (said, lesson) in slips.items()
        if said != count
    ]
    if before:
        restart = f"{count}, so far {count}"
        lesson = "The words before count on"
        wrong.append(Wrong(name="count not carried on", right=restart, because=because, lesson=lesson))

    def fault(said: str) -> str:
        if said.partition(",")[0] != str(count):
            places = [str(at) for at, other in enumerate(word.lower(), start=1) if other == letter]
            return f"{letter} in {word}: {'letter ' + ', '.join(places) if places else 'nowhere'}"
        return f"{before} and {count} are {before + count}"

    return Line(
        left=f"{place} {word}",
        right=f"{count}, so far {before + count}",
        because="[in {word} I see {count}|{count} in {word}|the word {word} has {count}]",
        says="[{total} so far|that makes {total}]",
        fault=fault,
        slots={"word": word, "count": count, "total": before + count},
        wrong=tuple(wrong),
    )


def spell_backward(item: Item) -> Filled | None:
    """From the last letter on, each time with one letter more."""
    word = item.facts["word"]
    if not word.islower():
        return None
    lines = []
    for count in range(3, len(word) + 1):
        end, before, letter = word[-count:], word[len(word) - count + 1 :][::-1], word[-count]
        wrong = [
            Wrong(name="put in front", right=letter + before, because=f"{letter} is added",
                  lesson="What stands further left comes later"),
            Wrong(name="not turned round", right=end, because=f"the last letters are {end}",
                  lesson="The last letters must be turned round"),
        ]  # fmt: skip
        if count < len(word):
            skipped = word[-count - 1]
            lesson = "No letter may be passed over"
            wrong.append(Wrong(name="letter passed over", right=before + skipped, because=f"{skipped} is added",
                               lesson=lesson))  # fmt: skip
        if before[-1] == letter:
            lesson = "A double letter is spelt twice"
            wrong.append(Wrong(name="double letter once", right=before, because=f"{letter} stands there",
                               lesson=lesson))  # fmt: skip
        lines.append(
            Line(
                left=end,
                right=before + letter,
                because="[before {before} stands {letter}|the letter before {before} is {letter}|now comes {letter}]",
                says="[backward|turned round|from its end] {left} [is|reads] {right}",
                fault=_spelling_fault(end),
                slots={"before": before[::-1], "letter": letter},
                wrong=tuple(one for one in wrong if one.right != before + letter),
            )
        )
    return fill(
        "the last letters, one more each time: LETTERS: THE SAME BACKWARD",
        "[From the last letter on.|Letter by letter from the end.|Begin with the last letter.]",
        lines,
        word[::-1],
    )


def _spelling_fault(end: str) -> Callable[[str], str]:
    return lambda said: f"{said[:20]} read from its end is {said[:20][::-1]}, not {end}"
