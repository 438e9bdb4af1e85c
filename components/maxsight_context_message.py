"""What the page shows of the surroundings, of a search, and of text that was read, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from components.maxsight_message import VOICES
from engines.maxsight.classes import vocabulary
from engines.maxsight.conditions import HOW_CHECKED, NOT_THE_EXPERIENCE, Condition
from engines.maxsight.context_wording import ContextWording, context_wording
from engines.maxsight.depth import Distance
from engines.maxsight.find import Guidance
from engines.maxsight.findability import Findability
from engines.maxsight.preferences import Preferences
from engines.maxsight.stage_b import Context
from engines.maxsight.text_lines import TextLine
from engines.maxsight.tiers import SeenObject

Message = dict[str, Any]

# From here on a line is very sure, or fairly sure; the reader gives nothing below 0.85.
VERY_SURE, FAIRLY_SURE = 0.97, 0.9
# From here on a thing is easy to see, or can be seen.
EASY, MIDDLING = 0.6, 0.25


def context_message(
    context: Context,
    latency_ms: float,
    preferences: Preferences,
    *,
    frame_id: int,
    age_s: float | None,
) -> Message:
    """Say all of a context that clinicians and developers are shown.

    Args:
        context: of this frame or an older one.
        latency_ms: what Stage B took for it.
        preferences: language, and how much is shown: the graph is a developer's.
        frame_id: the frame that is shown with it.
        age_s: how much older the context's frame is, seconds; None where that is not known.
    """
    words = context_wording(preferences.language)
    picture, difficulty = context.picture, context.difficulty
    is_developer = preferences.mode == "developer"
    rows = zip_longest(context.objects, context.distances, context.findabilities)
    return {
        "frame": context.frame_id,
        "framesAgo": max(0, frame_id - context.frame_id),
        "ageS": None if age_s is None else round(max(0.0, age_s), 2),
        "objects": [_object(*row, preferences, words) for row in rows],
        "picture": None
        if picture is None
        else {
            "contrast": round(picture.michelson, 2),
            "clutter": round(picture.clutter, 3),
            "glare": round(picture.glare_share, 3),
            "light": round(picture.luminance, 3),
        },
        "difficulty": None if difficulty is None else round(difficulty.value, 2),
        "difficultyText": "" if difficulty is None else words.hard_to_find_the_way(difficulty),
        "path": "" if context.path is None else words.free_path(context.path),
        "crossings": [
            words.crossing(one.thing.class_id, one.comes_from) for one in context.crossings
        ],
        "lines": [line_message(line, words) for line in context.lines],
        "problems": list(context.problems),
        "ms": round(latency_ms, 1) if is_developer else None,
        "graph": context.graph.as_text() if is_developer and context.graph else None,
    }


def guidance_message(
    guidance: Guidance, preferences: Preferences, *, number: int, spoken: str
) -> Message:
    """Say where the thing is that a person looks for.

    Args:
        guidance: of the newest frame.
        preferences: language and voice.
        number: of the sentence to speak; the page speaks each number once.
        spoken: that sentence; the one that is shown may be newer.
    """
    language = preferences.language
    score = guidance.findability
    return {
        "classId": guidance.class_id,
        "name": name_of(guidance.class_id, preferences),
        "isInView": guidance.is_in_view,
        "text": guidance.text,
        "n": number,
        "spoken": spoken,
        "lang": VOICES[language],
        "language": language,
        "rate": preferences.voice_speed,
        "hz": None if guidance.tone_hz is None else round(guidance.tone_hz, 1),
        "perS": None if guidance.tones_per_s is None else round(guidance.tones_per_s, 2),
        "pan": None if guidance.tone_pan is None else round(guidance.tone_pan, 2),
        "findability": None if score is None else round(score, 2),
        "easy": "" if score is None else easiness(score, context_wording(language)),
        "reasons": guidance.reasons_text,
    }


def read_message(
    lines: Sequence[TextLine], preferences: Preferences, *, number: int, frame_id: int
) -> Message:
    """Say the text that was read; it is spoken in its own language where all lines agree."""
    words = context_wording(preferences.language)
    text = words.read(lines, sure=FAIRLY_SURE)
    written = {line.language for line in lines}
    (only,) = written if len(written) == 1 else (None,)
    is_plain = all(line.confidence >= FAIRLY_SURE for line in lines)
    spoken_in = next((one for one in VOICES if one == only and is_plain), preferences.language)
    return {
        "kind": "read",
        "n": number,
        "frame": frame_id,
        "lines": [line_message(line, words) for line in lines],
        "text": text,
        "lang": VOICES[spoken_in],
        "rate": preferences.voice_speed,
    }


def line_message(line: TextLine, words: ContextWording) -> Message:
    """Say a line of text, its language and how sure it is, in words."""
    return {
        "text": line.text,
        "lang": line.language,
        "language": words.language_name(line.language),
        "sure": sureness(line.confidence, words),
    }


def eyes_message(
    condition: Condition,
    *,
    number: int,
    severity: float,
    is_help: bool,
    original: str,
    changed: str,
) -> Message:
    """Show a picture beside itself as it looks with a condition, or changed to help.

    Args:
        original, changed: data: URLs.
    """
    return {
        "n": number,
        "name": condition.name,
        "what": condition.help if is_help else condition.what,
        "assumes": "" if is_help else condition.assumes,
        "source": condition.help_source if is_help else condition.source,
        "checked": HOW_CHECKED,
        "isHelp": is_help,
        "severity": round(severity, 2),
        "note": NOT_THE_EXPERIENCE,
        "original": original,
        "changed": changed,
    }


def sureness(confidence: float, words: ContextWording) -> str:
    """Say in words how sure a line of text is, from a confidence in [0, 1]."""
    if confidence >= VERY_SURE:
        return words.sure("very")
    return words.sure("fairly" if confidence >= FAIRLY_SURE else "less")


def easiness(score: float, words: ContextWording) -> str:
    """Say in words how easy a thing is to see, from a findability in [0, 1]."""
    if score >= EASY:
        return words.to_see("easy")
    return words.to_see("middling" if score >= MIDDLING else "hard")


def name_of(class_id: str, preferences: Preferences) -> str:
    """Name a trained class in the person's language."""
    words = vocabulary()
    return words.trained[words.index_of(class_id)].names[preferences.language]


def _object(
    seen: SeenObject,
    distance: Distance | None,
    found: Findability | None,
    preferences: Preferences,
    words: ContextWording,
) -> Message:
    measures = None if found is None else found.measures
    return {
        "name": name_of(seen.class_id, preferences),
        "distance": "" if distance is None else words.error_bar(distance),
        "findability": None if found is None else round(found.score, 2),
        "easy": "" if found is None else easiness(found.score, words),
        "reasons": "" if found is None else words.hard_to_see(found.reasons),
        "contrastRatio": None if measures is None else round(measures.wcag_ratio, 1),
    }
