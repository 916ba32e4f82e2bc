"""`python -m components.tasks.cot EPISODES`: what the families make, family by family and split by split.

Success of the oracle (a third of the episodes with a wrong branch), different prompts, turns, episodes a second, and
the type-token ratio of the prose: different words over words, of the first thousand words.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Sequence

from components.agent.environment import Split
from components.agent.episode_loop import Episode, run_episodes
from components.agent.policies import OraclePolicy
from components.tasks.cot.families import families as cot_families

_SPLITS: tuple[Split, ...] = ("train", "heldout")
_RATIO_WORDS = 1000


def type_token_ratio(texts: Sequence[str]) -> float:
    """Different words over words, of the first thousand words of `texts`; numbers count as one word."""
    words = re.findall(r"[a-z]+|#", " ".join(re.sub(r"[0-9][0-9/.-]*", "#", text.lower()) for text in texts))
    return len(set(words[:_RATIO_WORDS])) / max(1, len(words[:_RATIO_WORDS]))


def prose(episode: Episode) -> str:
    """What the assistant thought and said, without calls and markers."""
    text = " ".join(message.text for message in episode.messages if message.role == "assistant")
    return re.sub(r"</?\w+>", " ", text)


def main(count: int) -> None:
    families = {family.name: family for family in cot_families()}
    print(f"{'family':17}{'split':9}{'right':>7}{'prompts':>9}{'episodes/s':>12}{'ratio':>7}  turns")
    for name, family in families.items():
        for split in _SPLITS:
            started_s = time.monotonic()
            tasks = [family.sample(seed, split) for seed in range(count)]
            episodes: list[Episode] = []
            for wrong_branch, part in ((True, tasks[::3]), (False, tasks[1::3] + tasks[2::3])):
                policy = OraclePolicy(families, wrong_branch=wrong_branch)
                episodes += run_episodes(policy, part, families=families, max_turns=8)
            rate = count / (time.monotonic() - started_s)
            right = sum(episode.success for episode in episodes) / count
            turns = Counter(episode.turns for episode in episodes)
            ratio = type_token_ratio([prose(episode) for episode in episodes])
            prompts = len({task.prompt for task in tasks})
            shares = " ".join(f"{number}:{turns[number] / count:.0%}" for number in sorted(turns))
            print(f"{name:17}{split:9}{right:7.1%}{prompts:9}{rate:12.0f}{ratio:7.2f}  {shares}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
