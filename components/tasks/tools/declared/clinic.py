"""A clinic whose appointments need a doctor, a day and an hour; training never sees it."""

from __future__ import annotations

from components.tasks.tools.declared.words import PEOPLE
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

_PATIENT = Param(name="patient", refers="patients")
_DOCTOR = Param(name="doctor", refers="doctors")
_APPOINTMENT = Param(name="appointment", refers="appointments")
_ACCEPTING = Policy(
    when=Condition(Arg("doctor", "list"), "==", "closed"),
    fact=Arg("doctor", "list"),
    rule="A doctor whose list is closed must not get appointments.",
)

CLINIC = World(
    name="clinic",
    setting="a small clinic",
    tables=(
        Table(
            name="patients",
            noun="patient",
            prefix="P",
            label="name",
            columns=(one_of("name", *PEOPLE), one_of("consent", "given", "given", "withdrawn")),
        ),
        Table(
            name="doctors",
            noun="doctor",
            prefix="DR",
            label="name",
            columns=(one_of("name", *(f"Dr. {name.split()[1]}" for name in PEOPLE)), one_of("list", "open", "closed")),
        ),
        Table(
            name="appointments",
            noun="appointment",
            prefix="A",
            owner="patient",
            columns=(
                ref("patient", "patients"),
                ref("doctor", "doctors"),
                day("day"),
                number("hour", 8, 17),
                one_of("cause", "checkup", "checkup", "surgery"),
            ),
        ),
    ),
    writes=(
        Write(
            name="book_appointment",
            verbs=("book", "arrange", "enter"),
            noun="appointment",
            does=("Books a checkup of a patient with a doctor.", "Enters a new checkup."),
            params=(_PATIENT, _DOCTOR, _DAY, _HOUR),
            needs=(
                Condition(
                    Count("appointments", {"doctor": Arg("doctor"), "day": Arg("day"), "hour": Arg("hour")}),
                    "==",
                    0,
                    "doctor {doctor} is taken on {day} at {hour}",
                ),
            ),
            effects=(
                Create(
                    "appointments",
                    {
                        "patient": Arg("patient"),
                        "doctor": Arg("doctor"),
                        "day": Arg("day"),
                        "hour": Arg("hour"),
                        "cause": "checkup",
                    },
                ),
            ),
            policies=(
                Policy(
                    when=Condition(Arg("patient", "consent"), "==", "withdrawn"),
                    fact=Arg("patient", "consent"),
                    rule="A patient whose consent is withdrawn must not be booked.",
                ),
                _ACCEPTING,
            ),
            request=("Book a checkup of {patient} with {doctor}", "{patient} needs a checkup by {doctor}, so book it"),
            tails={"day": " on {day}", "hour": " at {hour} o'clock"},
        ),
        Write(
            name="move_appointment",
            verbs=("postpone", "reschedule", "move"),
            noun="appointment",
            does=("Moves an appointment to another day.", "Gives an appointment a new day; the hour stays."),
            params=(_APPOINTMENT, _DAY),
            needs=(
                Condition(
                    Count(
                        "appointments",
                        {"doctor": Arg("appointment", "doctor"), "day": Arg("day"), "hour": Arg("appointment", "hour")},
                    ),
                    "==",
                    0,
                    "the doctor of {appointment} is taken on {day}",
                ),
            ),
            effects=(Change("appointment", {"day": Arg("day")}),),
            policies=(
                Policy(
                    when=Condition(Arg("appointment", "cause"), "==", "surgery"),
                    fact=Arg("appointment", "cause"),
                    rule="Appointments for surgery must not be moved.",
                ),
            ),
            request=("Move {appointment}", "Reschedule {appointment}"),
            tails={"day": " to {day}"},
        ),
        Write(
            name="change_appointment_doctor",
            verbs=("reassign", "change_doctor", "hand_over"),
            noun="appointment",
            does=("Gives an appointment to another doctor.", "Changes the doctor of an appointment."),
            params=(_APPOINTMENT, _DOCTOR),
            needs=(
                Condition(
                    Count(
                        "appointments",
                        {"doctor": Arg("doctor"), "day": Arg("appointment", "day"), "hour": Arg("appointment", "hour")},
                    ),
                    "==",
                    0,
                    "doctor {doctor} is taken at the time of {appointment}",
                ),
            ),
            effects=(Change("appointment", {"doctor": Arg("doctor")}),),
            policies=(_ACCEPTING,),
            request=("Hand {appointment} to {doctor}", "Let {doctor} take {appointment}"),
        ),
        Write(
            name="cancel_appointment",
            verbs=("cancel", "delete", "strike"),
            noun="appointment",
            does=("Cancels an appointment.", "Takes an appointment off the list."),
            params=(_APPOINTMENT,),
            effects=(Remove("appointment"),),
            policies=(
                Policy(
                    when=Condition(Arg("appointment", "cause"), "==", "surgery"),
                    fact=Arg("appointment", "cause"),
                    rule="Appointments for surgery must not be cancelled.",
                ),
            ),
            request=("Cancel {appointment}", "Strike {appointment} off the list"),
        ),
    ),
)
