"""Worlds of a desk: support tickets, and a school's courses that training never sees."""

from __future__ import annotations

from components.tasks.tools.declared.words import COURSES, PEOPLE, TICKETS
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
    number,
    one_of,
    ref,
)

_TICKET = Param(name="ticket", refers="tickets")
_AGENT = Param(name="agent", refers="agents")
_PRIORITY = Param(name="priority", like=one_of("priority", "low", "normal", "high"), also=("urgency", "level"))
_HOLD = Policy(
    when=Condition(Arg("ticket", "hold"), "==", "legal"),
    fact=Arg("ticket", "hold"),
    rule="A ticket under legal hold must not be closed.",
)

HELPDESK = World(
    name="helpdesk",
    setting="a support desk",
    tables=(
        Table(
            name="agents",
            noun="agent",
            prefix="E",
            label="name",
            columns=(one_of("name", *PEOPLE), one_of("shift", "on", "on", "off")),
        ),
        Table(
            name="tickets",
            noun="ticket",
            prefix="T",
            label="subject",
            columns=(
                one_of("subject", *TICKETS),
                ref("agent", "agents", empty_share=0.4),
                one_of("state", "open", "open", "closed"),
                one_of("priority", "low", "normal", "high"),
                one_of("hold", "none", "none", "legal"),
            ),
        ),
    ),
    writes=(
        Write(
            name="assign_ticket",
            verbs=("assign", "hand", "route"),
            noun="ticket",
            does=("Assigns a ticket to an agent.", "Puts an agent in charge of a ticket."),
            params=(_TICKET, _AGENT),
            needs=(
                Condition(Arg("ticket", "agent"), "!=", Arg("agent"), "ticket {ticket} is with {agent} already"),
                Condition(Arg("ticket", "state"), "==", "open", "ticket {ticket} is closed"),
            ),
            effects=(Change("ticket", {"agent": Arg("agent")}),),
            policies=(
                Policy(
                    when=Condition(Arg("agent", "shift"), "==", "off"),
                    fact=Arg("agent", "shift"),
                    rule="An agent whose shift is off must not get tickets.",
                ),
            ),
            request=("Assign {ticket} to {agent}", "Let {agent} take over {ticket}"),
        ),
        Write(
            name="close_ticket",
            verbs=("close", "resolve", "finish"),
            noun="ticket",
            does=("Closes an open ticket.", "Marks a ticket as closed."),
            params=(_TICKET,),
            needs=(Condition(Arg("ticket", "state"), "==", "open", "ticket {ticket} is closed already"),),
            effects=(Change("ticket", {"state": "closed"}),),
            policies=(_HOLD,),
            request=("Close {ticket}", "{ticket} is solved, so close it"),
        ),
        Write(
            name="reopen_ticket",
            verbs=("reopen", "restore", "revive"),
            noun="ticket",
            does=("Opens a closed ticket again.", "Sets a closed ticket back to open."),
            params=(_TICKET,),
            needs=(Condition(Arg("ticket", "state"), "==", "closed", "ticket {ticket} is open"),),
            effects=(Change("ticket", {"state": "open"}),),
            request=("Reopen {ticket}", "{ticket} came up again, so reopen it"),
        ),
        Write(
            name="set_ticket_priority",
            verbs=("set_priority", "rank", "prioritise"),
            noun="ticket",
            does=("Sets the priority of a ticket.", "Changes how urgent a ticket is."),
            params=(_TICKET, _PRIORITY),
            needs=(
                Condition(
                    Arg("ticket", "priority"), "!=", Arg("priority"), "ticket {ticket} has priority {priority} already"
                ),
            ),
            effects=(Change("ticket", {"priority": Arg("priority")}),),
            request=("Change the priority of {ticket}", "Give {ticket} another priority"),
            tails={"priority": ": {priority}"},
        ),
    ),
)

_STUDENT = Param(name="student", refers="students")
_COURSE = Param(name="course", refers="courses")
_ENROLMENT = Param(name="enrolment", refers="enrolments")
_GRADE = Param(name="grade", like=number("grade", 1, 20), also=("mark", "points", "score"))
_OPEN_COURSES = Policy(
    when=Condition(Arg("course", "entry"), "==", "closed"),
    fact=Arg("course", "entry"),
    rule="A course whose entry is closed must not take students.",
)

COLLEGE = World(
    name="college",
    setting="a college's course desk",
    tables=(
        Table(
            name="students",
            noun="student",
            prefix="S",
            label="name",
            columns=(one_of("name", *PEOPLE), one_of("fees", "paid", "paid", "owed")),
        ),
        Table(
            name="courses",
            noun="course",
            prefix="U",
            label="title",
            columns=(one_of("title", *COURSES), one_of("entry", "open", "open", "closed")),
        ),
        Table(
            name="enrolments",
            noun="enrolment",
            prefix="L",
            owner="student",
            columns=(ref("student", "students"), ref("course", "courses"), number("grade", 1, 20)),
        ),
    ),
    writes=(
        Write(
            name="enrol_student",
            verbs=("enrol", "register", "sign_up"),
            noun="student",
            does=("Enters a student into a course, with the grade of the entry test.", "Enrols a student."),
            params=(_STUDENT, _COURSE, _GRADE),
            needs=(
                Condition(
                    Count("enrolments", {"student": Arg("student"), "course": Arg("course")}),
                    "==",
                    0,
                    "student {student} is in course {course} already",
                ),
            ),
            effects=(
                Create("enrolments", {"student": Arg("student"), "course": Arg("course"), "grade": Arg("grade")}),
            ),
            policies=(
                Policy(
                    when=Condition(Arg("student", "fees"), "==", "owed"),
                    fact=Arg("student", "fees"),
                    rule="A student whose fees are owed must not be enrolled.",
                ),
                _OPEN_COURSES,
            ),
            request=("Enrol {student} in {course}", "{student} wants to join {course}, so enrol them"),
            tails={"grade": " with grade {grade}"},
        ),
        Write(
            name="grade_enrolment",
            verbs=("grade", "mark", "rate"),
            noun="enrolment",
            does=("Sets the grade of an enrolment.", "Enters a new grade."),
            params=(_ENROLMENT, _GRADE),
            needs=(
                Condition(
                    Arg("enrolment", "grade"), "!=", Arg("grade"), "enrolment {enrolment} has grade {grade} already"
                ),
            ),
            effects=(Change("enrolment", {"grade": Arg("grade")}),),
            request=("Enter a new grade for {enrolment}", "Grade {enrolment}"),
            tails={"grade": ": {grade}"},
        ),
        Write(
            name="transfer_enrolment",
            verbs=("transfer", "switch", "swap"),
            noun="enrolment",
            does=("Moves an enrolment to another course.", "Changes the course of an enrolment."),
            params=(_ENROLMENT, _COURSE),
            needs=(
                Condition(
                    Arg("enrolment", "course"), "!=", Arg("course"), "enrolment {enrolment} is for {course} already"
                ),
            ),
            effects=(Change("enrolment", {"course": Arg("course")}),),
            policies=(_OPEN_COURSES,),
            request=("Move {enrolment} to {course}", "Switch {enrolment} to {course}"),
        ),
        Write(
            name="withdraw_enrolment",
            verbs=("withdraw", "end", "cancel"),
            noun="enrolment",
            does=("Ends an enrolment.", "Takes an enrolment out of the books."),
            params=(_ENROLMENT,),
            effects=(Remove("enrolment"),),
            request=("End {enrolment}", "Withdraw {enrolment}"),
        ),
    ),
)
