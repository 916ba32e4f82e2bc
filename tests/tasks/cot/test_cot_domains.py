"""The checkers against other ways to find the answer, and the verdict on each kind of claim that does not hold."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

import networkx
import pytest

from components.core.seeding import named_rng
from components.tasks.cot.assignment import Assignment
from components.tasks.cot.dates import WEEKDAYS, Dates
from components.tasks.cot.families import families as cot_families
from components.tasks.cot.family import CotFamily
from components.tasks.cot.order import Order
from components.tasks.cot.route import Route
from components.tasks.cot.schedule import Schedule
from components.tasks.cot.sets import Clubs
from components.tasks.cot.steps import Facts, StepEnvironment, check_call
from components.tasks.kit.wording import listed, phrase

FAMILIES = {family.name: family for family in cot_families() if isinstance(family, CotFamily)}
ELIMINATIONS = {"cot_assignment": Assignment, "cot_order": Order}


def _facts(name: str, count: int = 60) -> list[Facts]:
    return [FAMILIES[name].sample(seed, "train").payload["facts"] for seed in range(count)]


def test_routes_are_shortest() -> None:
    for facts in _facts("cot_route"):
        graph = networkx.Graph()
        graph.add_weighted_edges_from(tuple(fact[1:]) for fact in facts if fact[0] == "road")
        route = Route(facts)
        assert route.settled[-1][1] == networkx.dijkstra_path_length(graph, *route.ends)
        assert networkx.path_weight(graph, route.way, "weight") == route.settled[-1][1]


def test_schedules_last_as_long_as_their_longest_chain() -> None:
    for facts in _facts("cot_schedule"):
        plan = Schedule(facts)
        graph = networkx.DiGraph([(on, task) for task, waits in plan.waits.items() for on in waits])
        graph.add_nodes_from(plan.lasts)
        longest = max(
            sum(plan.lasts[task] for task in path)
            for one, other in itertools.product(graph, graph)
            for path in ([[one]] if one == other else networkx.all_simple_paths(graph, one, other))
        )
        assert plan.goal == ("done", longest)


def _brute(facts: Facts) -> list[dict[str, str]]:
    """Every arrangement that fits the clues, judged by their words' meaning."""
    people = [fact[1] for fact in facts if fact[0] == "person"]
    places = [fact[1] for fact in facts if fact[0] == "place"]

    def fits(at: dict[str, str], kind: str, *names: Any) -> bool:
        rank = {person: places.index(place) for person, place in at.items()}
        match kind:
            case "not":
                return at[names[0]] != names[1]
            case "either":
                return at[names[0]] in names[1:]
            case "holder":
                return names[0] in (at[names[1]], at[names[2]])
            case "if":
                return at[names[0]] != names[1] or at[names[2]] == names[3]
            case "before":
                return rank[names[0]] < rank[names[1]]
            case "next":
                return rank[names[0]] + 1 == rank[names[1]]
            case "apart":
                return abs(rank[names[0]] - rank[names[1]]) != 1
            case "edge":
                return rank[names[0]] in (0, len(places) - 1)
        return True

    every = [dict(zip(people, order, strict=True)) for order in itertools.permutations(places)]
    return [at for at in every if all(fits(at, *fact) for fact in facts)]


@pytest.mark.parametrize("name", sorted(ELIMINATIONS))
def test_puzzles_have_one_arrangement_and_need_every_clue(name: str) -> None:
    for facts in _facts(name, 40):
        (only,) = _brute(facts)
        puzzle = ELIMINATIONS[name](facts)
        assert only[puzzle.solution] == puzzle.asked
        for clue in puzzle.clues:
            assert len(_brute([fact for fact in facts if fact is not clue])) > 1


@pytest.mark.parametrize("name", sorted(ELIMINATIONS))
def test_a_mistake_in_a_puzzle_is_false_in_the_end(name: str) -> None:
    for facts in _facts(name, 40):
        (only,) = _brute(facts)
        puzzle = ELIMINATIONS[name](facts)
        for step in puzzle.deductions(named_rng("test")):
            for mistake in step.mistakes:
                sign, person, other = puzzle.read(mistake.claim)
                assert not (only[person] < only[other] if sign == "<" else (only[person] == other) == (sign == "="))


def test_dates_are_found_by_counting_days() -> None:
    for facts in _facts("cot_dates"):
        day = date.fromisoformat(facts[0][2])
        for kind, _, _, *rest in facts[1:]:
            if kind in ("later", "earlier"):
                for _ in range(rest[0] * (7 if rest[1] == "weeks" else 1)):
                    day += timedelta(days=1 if kind == "later" else -1)
            elif kind == "weekday":
                day += timedelta(days=1)
                while WEEKDAYS[day.weekday()] != rest[0]:
                    day += timedelta(days=1)
            else:
                while (day + timedelta(days=1)).month == day.month:
                    day += timedelta(days=1)
        assert Dates(facts).goal[1] == day


def test_members_are_found_person_by_person() -> None:
    for facts in _facts("cot_sets"):
        clubs = Clubs(facts)
        everybody = {fact[2] for fact in facts if fact[0] == "in"}

        def inside(person: str, part: str, facts: Facts = facts) -> bool:
            done = next((fact for fact in facts if fact[:2] == ["do", part]), None)
            if done is None:
                return ["in", part, person] in facts
            _, _, left, operation, right = done
            one, other = inside(person, left), inside(person, right)
            return {"and": one and other, "or": one or other, "not": one and not other}[operation]

        assert clubs.values[clubs.last] == {person for person in everybody if inside(person, clubs.last)}


def _verdict(problem: Any, *claims: str) -> str:
    environment = problem.start()
    assert isinstance(environment, StepEnvironment)
    return environment.execute(check_call(claims)).render()


SCHEDULE = Schedule([["lasts", "a", 3], ["lasts", "b", 2], ["waits", "b", "a"], ["unit", "days"]])
ROADS: Facts = [["road", "A", "B", 2], ["road", "B", "C", 2], ["road", "A", "C", 9], ["from", "A"], ["to", "C"]]
CLUES = [["person", "Ada"], ["person", "Ben"], ["person", "Cem"], ["place", "1"], ["place", "2"], ["place", "3"]]
CLUES += [["next", "Ada", "Ben"], ["not", "Cem", "3"], ["asked", "1"]]
DATES = Dates(
    [["on", "draft", "2024-02-20"], ["later", "review", "draft", 10, "days"], ["month_end", "print", "review"]]
)
CLUBS = Clubs([["in", "art", "Ana"], ["in", "art", "Bob"], ["in", "judo", "Bob"], ["do", "1", "art", "not", "judo"]])


@pytest.mark.parametrize(
    ("problem", "claims", "verdict"),
    [
        (SCHEDULE, ("a 0-3", "b 3-5", "done 5"), "3 hold"),
        (SCHEDULE, ("b 3-5",), "b 3-5 fails: a has no time yet"),
        (SCHEDULE, ("a 0-3", "b 0-2"), "1 holds, b 0-2 fails: a ends at 3"),
        (SCHEDULE, ("a 1-4",), "a 1-4 fails: nothing it waits for ends at 1"),
        (SCHEDULE, ("a 0-4",), "a 0-4 fails: that is 4 days, not 3"),
        (SCHEDULE, ("done 5",), "done 5 fails: a has no time yet"),
        (SCHEDULE, ("c 0-1",), "error: step 1: no task c"),
        (SCHEDULE, (), "error: 0 steps; give 1 to 24"),
        (Route(ROADS), ("B 2 via A", "C 4 via B"), "2 hold"),
        (Route(ROADS), ("C 9 via A",), "C 9 via A fails: B is reached sooner, 2 via A"),
        (Route(ROADS), ("B 2 via A", "C 9 via A"), "1 holds, C 9 via A fails: C is reached sooner, 4 via B"),
        (Route(ROADS), ("C 4 via B",), "C 4 via B fails: B is not settled"),
        (Route(ROADS), ("B 3 via A",), "B 3 via A fails: 0 + 2 is 2"),
        (Order(CLUES), ("Ada<Ben", "Cem=1"), "2 hold"),
        (Order(CLUES), ("Ben<Ada",), "Ben<Ada fails: against clue 1"),
        (Order(CLUES), ("Ada=3",), "Ada=3 fails: against clue 1"),
        (Assignment(CLUES), ("Ada<Ben",), "error: step 1: 'Ada<Ben' is not like Ann=red or Ann!=red"),
        (DATES, ("review 2024-03-01", "print 2024-03-31"), "2 hold"),
        (DATES, ("review 2024-03-02",), "review 2024-03-02 fails: that is 11 days after draft"),
        (DATES, ("review 2024-03-01", "print 2024-03-30"), "1 holds, print 2024-03-30 fails: March goes on"),
        (DATES, ("review 2024-02-30",), "error: step 1: there is no 2024-02-30"),
        (CLUBS, ("art not judo: Ana", "count 1"), "2 hold"),
        (CLUBS, ("art not judo: Ana, Bob",), "art not judo: Ana, Bob fails: Bob is in art and in judo"),
        (CLUBS, ("count 1",), "count 1 fails: the last operation is not worked out"),
        (CLUBS, ("(art and judo) or art: Bob",), "(art and judo) or art: Bob fails: art and judo is not worked out"),
    ],
)
def test_the_verdict_on_claims(problem: Any, claims: tuple[str, ...], verdict: str) -> None:
    assert _verdict(problem, *claims) == verdict


def test_patterns_choose_and_fill() -> None:
    rng = named_rng("words")
    assert {phrase(rng, "[a|b [c|d]|] {x}", x="[|]") for _ in range(60)} == {
        "a [|]",
        "b c [|]",
        "b d [|]",
        " [|]".strip(),
    }
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
