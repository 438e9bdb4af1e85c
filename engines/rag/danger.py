"""Whether a question is about something dangerous, so that the warning comes first."""

from __future__ import annotations

from collections.abc import Mapping

from engines.rag.intent import IntentGuess
from engines.rag.sparse import tokenize

DANGER_WORDS = frozenset(
    tokenize(
        "ambulance blast bleed bleeding bloated breathe bulge bulging burn burning burnt choke "
        "corrosive danger dangerous dizzy drank electrocuted emergency explode exploding "
        "explosive fire flame flammable fumes harmful hazard hazardous hiss hissing hurt "
        "ignite inhale inhaled injure injured injury jagged leak leaking overheat pierce poison "
        "poisoning poisonous puffed puncture rash risk risky safe safely shard shards sharp "
        "shattered sizzle smashed smoke smoking spark sparking spill spilled spilt "
        "splinter splinters sting stung swallow swallowed swallowing swell swollen toxic unsafe "
        "vapour"
    )
)
HAZARD_SHARE = 0.3  # probability of the intent "hazard" from which a question is about a danger


def is_dangerous(text: str, guess: IntentGuess, nearness: Mapping[str, float]) -> bool:
    """Say whether a question is about something dangerous: one sign of it is enough.

    Args:
        text: the question, with the documents' words for the things in it.
        nearness: how near the nearest known question of each document is.
    """
    return (
        guess.probabilities.get("hazard", 0.0) >= HAZARD_SHARE
        or not DANGER_WORDS.isdisjoint(tokenize(text))
        or max(nearness, key=lambda name: nearness[name], default="").startswith("hazard/")
    )
