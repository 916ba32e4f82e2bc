"""An office where meetings need a room, a day and an hour."""

from __future__ import annotations

from components.tasks.tools.declared.words import PEOPLE, ROOMS
from components.tasks.tools.schema import (
    Arg,
    Change,
    Condition,
    Count,
    Create,
    Param,
    Policy,
    Remove,
    Table,
    World,
    Write,
    day,
    number,
    one_of,
    ref,
)

_DAY = Param(name="day", like=day("day"), also=("date", "on_day", "when"))
_HOUR = Param(name="hour", like=number("hour", 8, 17), also=("start_hour", "at", "from_hour"))

_ROOM = Param(name="room", refers="rooms")
_HOST = Param(name="host", refers="colleagues", also=("organiser", "booked_by", "lead"))
_MEETING = Param(name="meeting", refers="meetings")
_OPEN_ROOMS = Policy(
    when=Condition(Arg("room", "state"), "==", "renovation"),
    fact=Arg("room", "state"),
    rule="A room in renovation must not be booked.",
)

CALENDAR = World(
    name="calendar",
    setting="an office",
    tables=(
        Table(
            name="colleagues",
            noun="colleague",
            prefix="C",
            label="name",
            columns=(one_of("name", *PEOPLE), one_of("presence", "in", "in", "leave")),
        ),
        Table(
            name="rooms",
            noun="room",
            prefix="R",
            label="name",
            columns=(one_of("name", *ROOMS), one_of("state", "open", "open", "renovation")),
        ),
        Table(
            name="meetings",
            noun="meeting",
            prefix="G",
            owner="host",
            columns=(
                ref("host", "colleagues"),
                ref("room", "rooms"),
                day("day"),
                number("hour", 8, 17),
                one_of("kind", "team", "team", "board"),
            ),
        ),
    ),
    writes=(
        Write(
            name="book_meeting",
            verbs=("book", "schedule", "plan"),
            noun="meeting",
            does=("Books a room for a meeting of the team.", "Puts a new team meeting into the calendar."),
            params=(_HOST, _ROOM, _DAY, _HOUR),
            needs=(
                Condition(
                    Count("meetings", {"room": Arg("room"), "day": Arg("day"), "hour": Arg("hour")}),
                    "==",
                    0,
                    "room {room} is taken on {day} at {hour}",
                ),
            ),
            effects=(
                Create(
                    "meetings",
                    {
                        "host": Arg("host"),
                        "room": Arg("room"),
                        "day": Arg("day"),
                        "hour": Arg("hour"),
                        "kind": "team",
                    },
                ),
            ),
            policies=(
                _OPEN_ROOMS,
                Policy(
                    when=Condition(Arg("host", "presence"), "==", "leave"),
                    fact=Arg("host", "presence"),
                    rule="No meeting may be booked for a colleague on leave.",
                ),
            ),
            request=("Book {room} for a meeting of {host}", "{host} needs {room} for a meeting, so book it"),
            tails={"day": " on {day}", "hour": " at {hour} o'clock"},
        ),
        Write(
            name="move_meeting",
            verbs=("move", "reschedule", "shift"),
            noun="meeting",
            does=("Moves a meeting to another day.", "Gives a meeting a new day; the hour stays."),
            params=(_MEETING, _DAY),
            needs=(
                Condition(Arg("meeting", "day"), "!=", Arg("day"), "meeting {meeting} is on {day} already"),
                Condition(
                    Count(
                        "meetings",
                        {"room": Arg("meeting", "room"), "day": Arg("day"), "hour": Arg("meeting", "hour")},
                    ),
                    "==",
                    0,
                    "the room of {meeting} is taken on {day}",
                ),
            ),
            effects=(Change("meeting", {"day": Arg("day")}),),
            policies=(
                Policy(
                    when=Condition(Arg("meeting", "kind"), "==", "board"),
                    fact=Arg("meeting", "kind"),
                    rule="Meetings of the board must not be moved.",
                ),
            ),
            request=("Move {meeting}", "Put {meeting} off"),
            tails={"day": " to {day}"},
        ),
        Write(
            name="change_meeting_room",
            verbs=("change_room", "switch_room", "rehouse"),
            noun="meeting",
            does=("Moves a meeting to another room.", "Changes the room of a meeting."),
            params=(_MEETING, _ROOM),
            needs=(
                Condition(
                    Count(
                        "meetings",
                        {"room": Arg("room"), "day": Arg("meeting", "day"), "hour": Arg("meeting", "hour")},
                    ),
                    "==",
                    0,
                    "room {room} is taken at the time of {meeting}",
                ),
            ),
            effects=(Change("meeting", {"room": Arg("room")}),),
            policies=(_OPEN_ROOMS,),
            request=("Move {meeting} into {room}", "Hold {meeting} in {room}"),
        ),
        Write(
            name="cancel_meeting",
            verbs=("cancel", "call_off", "drop"),
            noun="meeting",
            does=("Cancels a meeting.", "Takes a meeting out of the calendar."),
            params=(_MEETING,),
            effects=(Remove("meeting"),),
            policies=(
                Policy(
                    when=Condition(Arg("meeting", "kind"), "==", "board"),
                    fact=Arg("meeting", "kind"),
                    rule="Meetings of the board must not be cancelled.",
                ),
            ),
            request=("Cancel {meeting}", "Call off {meeting}"),
        ),
    ),
)
