"""Faults of fact: what was observed, what is claimed of it, and when."""

from __future__ import annotations

import random
import re

from components.agent.messages import ToolCall
from components.trajectories.audit.fault_injection import (
    Injection,
    SoundRecords,
    Tree,
    actions,
    after,
    of_phase,
    set_answer,
)

_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[A-Za-z]{4,}")
_UNITS = ("km", "kg", "miles", "percent", "dollars", "hours")


def _other_number(rng: random.Random, text: str) -> str | None:
    """The text with one of its numbers changed."""
    found = list(_NUMBER.finditer(text))
    if not found:
        return None
    match = rng.choice(found)
    return text[: match.start()] + str(int(match[0]) + rng.randint(1, 9)) + text[match.end() :]


def hallucinated_observation(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """An observation the tool never gave."""
    seen = rng.choice([seen for step in actions(tree) for seen in step["obs"]])
    changed = _other_number(rng, seen["content"])
    seen["content"] = changed or f"{seen['content']} indeed"
    return True


def success_after_error(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """The call fails, the prose goes on as if it had not."""
    action = rng.choice(actions(tree))
    action["obs"][0].update(status="error", content="service unavailable")
    after(tree, action)["text"] = rng.choice(("That worked.", "It works, all is as expected.", "The call succeeded."))
    if after(tree, action)["phase"] == "summary":
        set_answer(tree, after(tree, action)["text"])
    return True


def contradicting_reflection(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """A check fails and the reflection claims it passed, or the other way round."""
    for action in rng.sample(actions(tree), len(actions(tree))):
        step = after(tree, action)
        if step["phase"] != "reflection":
            continue
        content = action["obs"][0]["content"]
        if action["obs"][0]["status"] != "ok" or re.search(r"[1-9]\d* failed|does not hold", content):
            step["text"] = rng.choice(("All tests pass.", "It is correct.", "That worked, as expected."))
            return True
        if re.match(r"holds|\d+ passed|accepted", content):
            step["text"] = rng.choice(("The check failed.", "It was rejected.", "This is an error: it fails."))
            return True
    return False


def hindsight(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """The plan of the first turn names what only a later observation brings."""
    known = tree["task"]["prompt"] + str(tree["tools"]) + str(actions(tree)[0]["calls"])
    later = [word for step in actions(tree) for word in re.findall(r"\d[\d.,]*\d|\w+_\w+", step["obs"][0]["content"])]
    fresh = [word for word in later if word not in known]
    if not fresh:
        return False
    of_phase(tree, "analysis", "plan")[0]["text"] += f" It will be {rng.choice(fresh)}."
    return True


def oracle_leak(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """The answer stands in the task, or the call looks where only the maker may."""
    if rng.random() < 0.5:
        tree["task"]["prompt"] += f" (gold answer: {tree['answer']['value']})"
    else:
        call = rng.choice(actions(tree))["calls"][0]
        texts = [name for name, value in call["args"].items() if isinstance(value, str)]
        if not texts:
            return False
        call["args"][rng.choice(texts)] = rng.choice(("git log -p", ".git/HEAD", "hidden_tests"))
    return True


def wrong_step_right_answer(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """A step in the middle computes something else, really executed; the answer stays."""
    if len(actions(tree)) < 2:
        return False
    family = sound.families[tree["task"]["generator"]]
    chosen = rng.choice(actions(tree)[:-1])
    environment = family.start(family.sample(tree["task"]["seed"], tree["task"]["split"]))
    for action in actions(tree):
        call = action["calls"][0]
        if action is chosen:
            texts = [name for name, value in call["args"].items() if isinstance(value, str) and _NUMBER.search(value)]
            if not texts:
                return False
            name = rng.choice(texts)
            call["args"][name] = _other_number(rng, call["args"][name])
        seen = environment.execute(ToolCall(name=call["name"], arguments=call["args"]))
        changed = seen.content != action["obs"][0]["content"]
        if action is chosen and not changed:
            return False
        action["obs"][0].update(status=seen.status, content=seen.content)
        if action is chosen:
            return True
    return False


def vacuous_reflection(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    reflections = of_phase(tree, "reflection")
    if not reflections:
        return False
    rng.choice(reflections)["text"] = rng.choice(("Looks good.", "OK, nice.", "Very well done.", "Fine. Moving on."))
    return True


def noise_taken_for_failure(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """A warning of the machine in the output, and a reflection that calls it a failure."""
    for action in rng.sample(actions(tree), len(actions(tree))):
        if action["obs"][0]["status"] == "ok" and after(tree, action)["phase"] == "reflection":
            action["obs"][0]["content"] += "\nwarning: clock skew detected"
            after(tree, action)["text"] = "The clock is off, so the call failed."
            return True
    return False


def flaky_result(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """One run of the same call differs from the next."""
    action = rng.choice(actions(tree))
    content = action["obs"][0]["content"]
    action["obs"][0]["content"] = "2 failed, 1 passed" if "passed" in content else "no result"
    return True


def no_op_success(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """The answer without the work: only the first call is made."""
    if len(actions(tree)) < 2 or any(step["label"] != "good" for step in tree["steps"]):
        return False
    tree["steps"][tree["steps"].index(actions(tree)[0]) + 1 : -1] = []
    return True


def ambiguous_task(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """The prompt loses what makes the answer the only one."""
    words = tree["task"]["prompt"].split()
    telling = [number for number, word in enumerate(words) if _NUMBER.search(word) or word[:1].isupper()]
    if not telling:
        return False
    del words[rng.choice(telling)]
    tree["task"]["prompt"] = " ".join(words)
    return True


def bad_citation(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """A citation of a page that was not opened, or of a span with another value."""
    answer = tree["answer"]["value"]
    found = list(re.finditer(r"\[([a-z0-9/-]+):(\d+)-(\d+)\]", answer))
    if not found:
        return False
    match = rng.choice(found)
    dead = f"[atlantis/people:{match[2]}-{match[3]}]"
    beside = f"[{match[1]}:{int(match[2]) + 3}-{int(match[3]) + 3}]"
    set_answer(tree, answer[: match.start()] + rng.choice((dead, beside)) + answer[match.end() :])
    return True


def wrong_unit(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """Another unit, or a number written as another country would."""
    known = str(tree).casefold()
    for step in of_phase(tree, "summary", "reflection"):
        match = re.search(r"\d,\d{3}\b", step["text"])
        if match and rng.random() < 0.5:
            step["text"] = step["text"].replace(match[0], match[0].replace(",", "."))
        elif number := _NUMBER.search(step["text"]):
            unit = rng.choice([unit for unit in _UNITS if unit not in known])
            step["text"] = step["text"][: number.end()] + f" {unit}" + step["text"][number.end() :]
        else:
            continue
        if step["phase"] == "summary":
            set_answer(tree, step["text"])
        return True
    return False


def invented_answer(tree: Tree, rng: random.Random, sound: SoundRecords) -> bool:
    """The summary differs from what was found."""
    answer = tree["answer"]["value"]
    changed = _other_number(rng, answer) or (_WORD.sub("Atlantis", answer) if _WORD.search(answer) else None)
    if changed is None:
        return False
    set_answer(tree, changed)
    return True


FACT_FAULTS: dict[str, Injection] = {
    "hallucinated observation": hallucinated_observation,
    "success after an error": success_after_error,
    "reflection contradicts output": contradicting_reflection,
    "hindsight": hindsight,
    "oracle leak": oracle_leak,
    "right answer, wrong step": wrong_step_right_answer,
    "vacuous reflection": vacuous_reflection,
    "noise taken for failure": noise_taken_for_failure,
    "flaky result": flaky_result,
    "no-op success": no_op_success,
    "ambiguous task": ambiguous_task,
    "dead or irrelevant citation": bad_citation,
    "unit or locale": wrong_unit,
    "answer differs from what was found": invented_answer,
}
