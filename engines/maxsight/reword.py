"""Let a language model word a description anew, and keep of it what is true and whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from engines.maxsight.claims import claims_of
from engines.maxsight.classes import Language
from engines.maxsight.describe import Description
from engines.maxsight.description_words import description_words
from engines.maxsight.lexicon import Words, words_of
from engines.maxsight.scene_graph import SceneGraph
from engines.maxsight.supported import keep_supported

# Says a list of things in other words; None where that can't be done, or not in time.
Reword = Callable[[str], str | None]


def reworded(said: Description, graph: SceneGraph, reword: Reword) -> Description:
    """Return a description that tells of what is seen in other words, as far as they are true.

    A warning at its beginning stays, as does the second sentence, which quotes what is written and
    heard. Of what the model writes, those sentences are taken that say only what is in the graph
    (`keep_supported`). If they leave anything out, such as a thing, a number, a distance or that
    something is a "maybe", the description stays as it was.

    Args:
        said: of the graph.
        reword: e.g. a language model; what it returns is not trusted.
    """
    sentence, *rest = said.sentences
    templates = description_words(said.language).templates
    warning = _beginning(sentence, templates.careful)
    things = sentence[len(warning or _beginning(sentence, templates.around)) :]
    text = reword(things)
    if text is not None and warning and not text.casefold().startswith(warning.casefold()):
        text = warning + text[:1].lower() + text[1:]
    kept = "" if text is None else keep_supported(text, graph, language=said.language)
    if not kept or not _leaves_nothing_out(sentence, kept, said.language):
        return said
    return replace(said, sentences=(kept, *rest))


def _beginning(sentence: str, template: str) -> str:
    """Return what stands before the things in a sentence if it was made with this template."""
    words = template.partition("{")[0]
    return sentence[: len(words)] if sentence.casefold().startswith(words.casefold()) else ""


def _leaves_nothing_out(sentence: str, kept: str, language: Language) -> bool:
    said, again = claims_of(sentence, language), claims_of(kept, language)
    if said is None or again is None or said - again:
        return False
    maybe = words_of(description_words(language).templates.maybe_one)[:1]
    return _count(maybe, kept) >= _count(maybe, sentence)


def _count(words: Words, text: str) -> int:
    found = Counter(words_of(text))
    return sum(found[word] for word in words)
