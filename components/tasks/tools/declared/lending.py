"""Worlds where things are handed out and come back: a library and a fleet of vans."""

from __future__ import annotations

from components.tasks.tools.declared.words import BOOKS, PEOPLE, PLACES, VANS
from components.tasks.tools.schema import (
    Arg,
    Change,
    Condition,
    Param,
    Policy,
    Table,
    World,
    Write,
    day,
    one_of,
    ref,
)

_DUE = Param(name="due", like=day("due"), also=("due_day", "until", "return_by"))
_MEMBER = Param(name="member", refers="members")
_BOOK = Param(name="book", refers="books")

LIBRARY = World(
    name="library",
    setting="a town library",
    tables=(
        Table(
            name="members",
            noun="member",
            prefix="M",
            label="name",
            columns=(one_of("name", *PEOPLE), one_of("standing", "good", "good", "suspended")),
        ),
        Table(
            name="books",
            noun="book",
            prefix="B",
            label="title",
            columns=(
                one_of("title", *BOOKS),
                one_of("reserved", "no", "no", "yes"),
                ref("borrower", "members", empty_share=0.5),
                day("due", empty_with="borrower"),
            ),
        ),
    ),
    writes=(
        Write(
            name="lend_book",
            verbs=("lend", "check_out", "issue"),
            noun="book",
            does=("Lends a book to a member.", "Records that a member takes a book home."),
            params=(_BOOK, _MEMBER, _DUE),
            needs=(Condition(Arg("book", "borrower"), "==", None, "book {book} is on loan"),),
            effects=(Change("book", {"borrower": Arg("member"), "due": Arg("due")}),),
            policies=(
                Policy(
                    when=Condition(Arg("member", "standing"), "==", "suspended"),
                    fact=Arg("member", "standing"),
                    rule="Members whose standing is suspended must not borrow.",
                ),
            ),
            request=("Lend {book} to {member}", "{member} wants to borrow {book}, so lend it"),
            tails={"due": " until {due}"},
        ),
        Write(
            name="take_back_book",
            verbs=("return", "take_back", "check_in"),
            noun="book",
            does=("Takes a lent book back.", "Records that a book came back."),
            params=(_BOOK,),
            needs=(Condition(Arg("book", "borrower"), "!=", None, "book {book} is not on loan"),),
            effects=(Change("book", {"borrower": None, "due": None}),),
            request=("Take back {book}", "Record the return of {book}"),
        ),
        Write(
            name="renew_book",
            verbs=("renew", "extend", "prolong"),
            noun="loan",
            does=("Gives a book on loan a new due day.", "Extends the loan of a book."),
            params=(_BOOK, _DUE),
            needs=(
                Condition(Arg("book", "borrower"), "!=", None, "book {book} is not on loan"),
                Condition(Arg("book", "due"), "!=", Arg("due"), "book {book} is due {due} already"),
            ),
            effects=(Change("book", {"due": Arg("due")}),),
            policies=(
                Policy(
                    when=Condition(Arg("book", "reserved"), "==", "yes"),
                    fact=Arg("book", "reserved"),
                    rule="A book that is reserved must not be renewed.",
                ),
            ),
            request=("Renew the loan of {book}", "Extend the loan of {book}"),
            tails={"due": " until {due}"},
        ),
    ),
)

_VAN = Param(name="van", refers="vans")
_DRIVER = Param(name="driver", refers="drivers")
_SITE = Param(name="site", like=one_of("site", *PLACES), also=("place", "location", "parked_at"))

FLEET = World(
    name="fleet",
    setting="a delivery company's garage",
    tables=(
        Table(
            name="drivers",
            noun="driver",
            prefix="D",
            label="name",
            columns=(one_of("name", *PEOPLE), one_of("licence", "valid", "valid", "expired")),
        ),
        Table(
            name="vans",
            noun="van",
            prefix="V",
            label="name",
            columns=(
                one_of("name", *VANS),
                one_of("brakes", "checked", "checked", "faulty"),
                one_of("site", *PLACES),
                ref("driver", "drivers", empty_share=0.5),
            ),
        ),
    ),
    writes=(
        Write(
            name="assign_van",
            verbs=("assign", "hand_out", "allot"),
            noun="van",
            does=("Hands a free van to a driver.", "Puts a driver on a van that nobody drives."),
            params=(_VAN, _DRIVER),
            needs=(Condition(Arg("van", "driver"), "==", None, "van {van} has a driver"),),
            effects=(Change("van", {"driver": Arg("driver")}),),
            policies=(
                Policy(
                    when=Condition(Arg("driver", "licence"), "==", "expired"),
                    fact=Arg("driver", "licence"),
                    rule="A driver whose licence is expired must not get a van.",
                ),
                Policy(
                    when=Condition(Arg("van", "brakes"), "==", "faulty"),
                    fact=Arg("van", "brakes"),
                    rule="A van whose brakes are faulty must not be handed out.",
                ),
            ),
            request=("Give {van} to {driver}", "{driver} shall drive {van}"),
        ),
        Write(
            name="release_van",
            verbs=("release", "free", "hand_in"),
            noun="van",
            does=("Takes a van from its driver.", "Records that a van was handed in."),
            params=(_VAN,),
            needs=(Condition(Arg("van", "driver"), "!=", None, "van {van} has no driver"),),
            effects=(Change("van", {"driver": None}),),
            request=("Release {van}", "Take {van} from its driver"),
        ),
        Write(
            name="park_van",
            verbs=("park", "move", "relocate"),
            noun="van",
            does=("Records where a van stands.", "Sets the site of a van."),
            params=(_VAN, _SITE),
            needs=(Condition(Arg("van", "site"), "!=", Arg("site"), "van {van} stands at {site} already"),),
            effects=(Change("van", {"site": Arg("site")}),),
            policies=(
                Policy(
                    when=Condition(Arg("van", "brakes"), "==", "faulty"),
                    fact=Arg("van", "brakes"),
                    rule="A van whose brakes are faulty must not be moved.",
                ),
            ),
            request=("Move {van}", "Bring {van}"),
            tails={"site": " to the {site}"},
        ),
    ),
)
