"""Faults of form and of the corpus: calls, branches, duplicates, splits, licences, voice."""

from __future__ import annotations

import copy
import json
import random

from components.trajectories.audit.fault_injection import (
    Injection,
    SoundRecords,
    Tree,
    actions,
    insert_turns,
    of_phase,
    set_answer,
    tree_of,
    turn_before,
)
from components.trajectories.record import Tool

_BENCHMARK_TEXT = (
    "Food and Entertaining: How to use grapeseed oil for oily skin Test the product first. Apply a small amount of the "
    "grapeseed oil to a small area on your cheek or neck."
)


def phantom_tool(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    rng.choice(actions(tree))["calls"][0]["name"] += rng.choice(("_v2", "2", "_all"))
    return True


def schema_drift(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """The tool now wants one field more, and its calls do not give it."""
    name = rng.choice(actions(tree))["calls"][0]["name"]
    tool = next(tool for tool in tree["tools"] if tool["name"] == name)
    schema = copy.deepcopy(tool["schema"])
    schema["properties"]["locale"] = {"type": "string"}
    schema["required"] = [*schema.get("required", []), "locale"]
    drifted = Tool.model_validate(tool | {"schema": schema})
    tool.update(Tool.of(drifted.spec()).model_dump(mode="json"))
    return True


def mistyped_argument(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """A number as a string, or a string as a number."""
    for action in rng.sample(actions(tree), len(actions(tree))):
        for name, value in action["calls"][0]["args"].items():
            if isinstance(value, int) and not isinstance(value, bool):
                action["calls"][0]["args"][name] = str(value)
                return True
            if isinstance(value, str):
                action["calls"][0]["args"][name] = 7
                return True
    return False


def doubly_encoded(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    call = rng.choice([action["calls"][0] for action in actions(tree)])
    call["args"] = {"arguments": json.dumps(call["args"])}
    return True


def swapped_observations(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """Two calls, each with what the other brought."""
    seen = [action["obs"][0] for action in actions(tree)]
    pairs = [(a, b) for a in seen for b in seen if a["content"] != b["content"]]
    if not pairs:
        return False
    one, other = rng.choice(pairs)
    for key in ("content", "status", "origin"):
        one[key], other[key] = other[key], one[key]
    return True


def orphan_observation(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    action = rng.choice(actions(tree))
    if rng.random() < 0.5:
        action["obs"] = []
    else:
        action["obs"][0]["call_id"] = "c99"
    return True


def reordered_results(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """Two calls of one turn, their results in the other order."""
    if len(actions(tree)) < 2:
        return False
    first = actions(tree)[0]
    second = copy.deepcopy(actions(tree)[1])
    second["calls"][0]["id"] = second["obs"][0]["call_id"] = "c98"
    first["calls"] += second["calls"]
    first["obs"] = [*second["obs"], *first["obs"]]
    return True


def broken_json(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """Arguments cut in the middle and read as text."""
    call = rng.choice(actions(tree))["calls"][0]
    text = json.dumps(call["args"])
    if len(text) < 6:
        return False
    call["args"] = {"raw": text[: rng.randrange(2, len(text) - 1)]}
    return True


def repeated_call(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """The same call over again, two or three times."""
    worked = [action for action in actions(tree) if action["obs"][0]["status"] == "ok" and action["label"] == "good"]
    if not worked:
        return False
    action = rng.choice(worked)
    insert_turns(tree, tree["steps"].index(action) + 1, [[action]] * rng.randint(1, 2))
    return True


def long_detour(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """Two calls in turn, again and again, before the work goes on."""
    worked = [action for action in actions(tree) if action["label"] == "good"]
    turns = [
        [step for step in turn_before(tree, action) if step["phase"] in ("reflection", "plan", "action")]
        for action in worked
    ]
    if len(turns) < 2:
        return False
    first, second = turns[0], turns[1]
    insert_turns(tree, tree["steps"].index(second[-1]) + 1, [first, second] * rng.randint(7, 9))
    return True


def trained_wrong_step(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    wrong = [step for step in tree["steps"] if step["label"] == "wrong"]
    if not wrong:
        return False
    rng.choice(wrong)["loss"] = 1.0
    return True


def lost_recovery(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """The recovery does not name the step it recovers from."""
    repairs = [step for step in tree["steps"] if step["refs"]]
    if not repairs:
        return False
    for step in repairs:
        step["refs"] = []
    return True


def prefix_trained_twice(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    if tree["parent"]["kind"] != "alternate":
        return False
    for step in tree["steps"][: tree["parent"]["at_step"]]:
        step["loss"] = 0.0 if step["label"] == "wrong" else 1.0
    tree["parent"]["at_step"] = 0 if rng.random() < 0.5 else tree["parent"]["at_step"]
    return True


def near_duplicate(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """A record of the corpus in other words."""
    for step in of_phase(tree, "analysis", "plan"):
        step["text"] = rng.choice(("So. ", "Well: ", "Now, ")) + step["text"]
    tree["task"]["prompt"] = rng.choice((" {}", "{} ", "{}!")).format(tree["task"]["prompt"])
    return True


def split_leak(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """A held-out task given as one for training, or a training task given as held out."""
    family = sound.families[tree["task"]["generator"]]
    held_out = family.sample(tree["task"]["seed"] + rng.randrange(1000), "heldout")
    tree["task"].update(prompt=held_out.prompt)
    tree["tools"] = [Tool.of(spec).model_dump(mode="json") for spec in held_out.tools]
    if rng.random() < 0.5:
        tree["family_id"] = held_out.id
    return True


def copied_evaluation_schema(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """Tools of another family's held-out tasks among those offered."""
    other = rng.choice([record for record in sound.records if record.task.generator != tree["task"]["generator"]])
    family = sound.families[other.task.generator]
    known = {tool["name"] for tool in tree["tools"]}
    spec = next((spec for spec in family.sample(rng.randrange(10**6), "heldout").tools if spec.name not in known), None)
    if spec is None:
        return False
    tree["tools"].append(Tool.of(spec).model_dump(mode="json"))
    return True


def missing_licence(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    tree["provenance"]["licence"] = rng.choice(("", " "))
    return True


def assistant_chatter(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """A teacher's refusal or boilerplate."""
    step = rng.choice(of_phase(tree, "analysis", "plan", "reflection", "summary"))
    opening = rng.choice(
        ("As an AI language model, I cannot do that. ", "I'm sorry, but I can't help with this. ", "Certainly! ")
    )
    step["text"] = opening + step["text"]
    if step["phase"] == "summary":
        set_answer(tree, step["text"])
    return True


def secret(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    leak = rng.choice(("jane.doe@mailbox.net", "AKIA" + "QZ7H2M4P9T3V6X1B", "-----BEGIN RSA PRIVATE KEY"))
    rng.choice(of_phase(tree, "analysis", "plan", "reflection", "summary"))["text"] += f" {leak}"
    return True


def benchmark_text(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    words = _BENCHMARK_TEXT.split()
    start = rng.randrange(len(words) - 20)
    of_phase(tree, "analysis", "plan")[0]["text"] += " " + " ".join(words[start : start + 20])
    return True


def edited_tests(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """The tests are changed instead of the code."""
    edits = [action for action in actions(tree) if action["calls"][0]["name"] in ("edit", "replace", "edit_file")]
    if not edits:
        return False
    action = rng.choice(edits)
    action["calls"][0]["args"]["path"] = "test_task.py"
    return True


def equivalent_mutant(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """Nothing was broken: the tests pass from the start."""
    runs = [action for action in actions(tree) if "failed" in action["obs"][0]["content"]]
    if not runs:
        return False
    for action in runs:
        action["obs"][0]["content"] = "3 passed"
    return True


def stolen_parent(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """An alternate whose parent is another task's record."""
    if tree["parent"]["kind"] != "alternate":
        return False
    others = [record for record in sound.records if record.family_id != tree["family_id"]]
    tree["parent"]["id"] = tree_of(rng.choice(others))["id"]
    return True


FORM_FAULTS: dict[str, Injection] = {
    "phantom tool": phantom_tool,
    "schema drift": schema_drift,
    "mistyped argument": mistyped_argument,
    "doubly encoded JSON": doubly_encoded,
    "swapped observations": swapped_observations,
    "orphan observation": orphan_observation,
    "parallel results reordered": reordered_results,
    "JSON cut short": broken_json,
    "repeated call": repeated_call,
    "long detour": long_detour,
    "wrong step trained": trained_wrong_step,
    "recovery names no error": lost_recovery,
    "shared prefix trained twice": prefix_trained_twice,
    "branch of another task": stolen_parent,
    "near-duplicate": near_duplicate,
    "split leak": split_leak,
    "evaluation schema copied": copied_evaluation_schema,
    "licence missing": missing_licence,
    "refusal or chatter": assistant_chatter,
    "secret or address": secret,
    "benchmark text": benchmark_text,
    "tests edited to pass": edited_tests,
    "mutant equals original": equivalent_mutant,
}
