"""Questions about a country that is described by one of its facts and not named."""

from __future__ import annotations

import random
from abc import abstractmethod

from components.agent.environment import Split
from components.agent.factbook import spoken
from components.tasks.kit.wording import phrase
from components.tasks.research.corpus import Corpus
from components.tasks.research.family import ResearchFamily
from components.tasks.research.pages import Passage
from components.tasks.research.questions import Question

# Fields whose value mostly belongs to one country.
IDENTIFYING = ("anthem", "capital", "currency", "highest_point", "independence", "internet_code", "lowest_point")


class HiddenCountryFamily(ResearchFamily):
    """`identities` are passages whose value one country alone has."""

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        self.identities = self.distinctive(IDENTIFYING, range(1, 2))

    def draw(self, rng: random.Random, split: Split) -> Question | None:
        identities = self.identities[split]
        return self.ask(rng, split, rng.choice(identities)) if identities else None

    @abstractmethod
    def ask(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        """A question about the country of `identity`."""


def described(identity: Passage) -> str:
    return f"the country whose {spoken(identity.field)} is {identity.value}"


def ask_for_value(rng: random.Random, identity: Passage, field: str) -> str:
    return phrase(
        rng,
        "[What is the {field} of {who}?|Find the {field} of {who}.|Tell me the {field} of {who}.]",
        field=spoken(field),
        who=described(identity),
    )


def first_thought(rng: random.Random, identity: Passage) -> str:
    return phrase(
        rng,
        "[The country is not named; its {field} is {value}.|First comes which country has {field} {value}."
        "|Two steps: the country with {field} {value}, then the fact.]",
        field=spoken(identity.field),
        value=identity.value,
    )


def found_thought(rng: random.Random, identity: Passage) -> str:
    return phrase(rng, "[It is {country}.|{country} is the country.|So {country} is meant.]", country=identity.country)
