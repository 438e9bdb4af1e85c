"""Make a question stand alone that leans on the one before. Rules and word lists, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engines.rag.places import place_spans
from engines.rag.subject import (
    FRAME_WORDS,
    STATE_WORDS,
    VERBS,
    Subject,
    Token,
    has_verb,
    names_something,
    subject_in,
    tokens_of,
    without_capital,
)
from engines.rag.words import word_set

OFF_TOPIC = frozenset({"small_talk", "about_app", "out_of_scope"})
MAX_TOPIC_CHARS = 300


@dataclass(frozen=True)
class Turn:
    """One question of the chat that was answered.

    Attributes:
        question: as it was searched for, so standing alone.
        answer_titles: titles of the documents that answered it, best first.
    """

    question: str
    answer_titles: tuple[str, ...]
    intent: str


@dataclass(frozen=True)
class Rewrite:
    """A question that stands alone; `is_follow_up` says whether it had to be changed."""

    text: str
    is_follow_up: bool


_BIN_NOUNS = word_set("bin bins rule rules way place container kind type")
# What "they", the people in charge, do: "do they collect glass here".
_AGENT_VERBS = word_set("collect accept take ban allow recycle burn sort charge make sell compost")
_AROUND_A_PLACE = word_set("in for at the with instead then rules")
_OPENING = re.compile(
    r"(?:(?:ok|okay|so|and|but|or|also|hmm|oh)(?=[ ,]|$)[ ,]*)*"
    r"(?:(?:what about|how about|what of|same for|same with|is it the same for)(?= |$) ?)?",
    re.IGNORECASE,
)
# "ok cool" opens nothing, "and cool bags" does.
_ASKS_ON = re.compile(r"\b(?:and|but|or|also|about|of|same)\b", re.IGNORECASE)
_COURTESIES = word_set("thanks thank thx ty cheers bye goodbye hello hi you")
_BARE = re.compile(
    r"(?:why(?: not| is that| so)?|how(?: so| come| exactly)?|where(?: to| exactly)?|when|"
    r"how (?:long|much|often|many|far)|since when|which (?:ones?|bin|colou?r|container)|"
    r"what (?:bin|colou?r|container)|what for)(?: then)?"
)
_AGAIN = re.compile(r"(?:really|seriously|(?:are )?you sure|sure|is that (?:true|right))(?: then)?")
_MORE = re.compile(
    r"(?:tell me |give me |show me |any )?(?:more|more details|more info|details)"
    r"(?: (?:about|on) (?:it|that|this|them))?(?: please)?|go on|(?:what|anything) else|explain"
)
_CONDITION = re.compile(r"(?:even )?(?:what )?(if|when|unless|after|once|without|with)\b", re.I)
_IMPERSONAL = re.compile(
    r"it(?:'s|s)? (?:is |be |was |also |really |still |even )*(?:[a-z]+|a good idea)"
    r"(?: me| us| for me)? (?:to|that|if|for|when|whether)\b"
)
_WHOLE_SENTENCE = re.compile(r"\b(?:do|doing|done) (?:it|that|this)\b|\bthat mean|\bit matter")
_OWN_CLAUSE = re.compile(r"\b(?:can|could|should|do|must|may) (?:i|you|we)\b")
_STATEMENT = re.compile(r"(?:it|they)(?:'s|'re| is| are|s|re)? [a-z]+", re.IGNORECASE)
# (one thing, several things)
_AGREEMENT = (("is", "are"), ("does", "do"), ("has", "have"), ("was", "were"))
_SUFFIXES = {"'s": " is", "'re": " are", "'ll": " will", "'d": " would", "'ve": " have"}


def rewrite_follow_up(question: str, history: Sequence[Turn]) -> Rewrite:
    """Make a question stand alone that leans on the last one about a thing.

    In this order, the last question being "Can I recycle plastic bottles?":
    1. only a question word: "why?" -> "Can I recycle plastic bottles, and why?"
    2. only a place: "and in Germany?" -> "Can I recycle plastic bottles in Germany?"
    3. only a condition: "and if it's broken?" -> "Can I recycle plastic bottles if it's broken?"
    4. "one" or "ones": "and the glass ones?" -> "Can I recycle the glass bottles?"
    5. a pronoun with nothing before it that it could mean: "are they toxic then?" -> "are plastic
       bottles toxic?"
    6. an opening and a thing: "what about cardboard?" -> "Can I recycle cardboard?"
    Everything else is a question of its own and stays as it is. Small talk and questions about
    the app in between are passed over.
    """
    last = next((turn for turn in reversed(history) if turn.intent not in OFF_TOPIC), None)
    body = question.strip().rstrip("?!. ")
    if last is None or not body:
        return Rewrite(question, False)
    topic, subject = _topic_of(last)
    opening = _OPENING.match(body)
    rest = body[opening.end() :] if opening else body
    is_asking_on = opening is not None and _ASKS_ON.search(opening[0]) is not None
    rewritten = (
        _bare(rest or body, topic, subject)
        or _place_only(rest, topic)
        or _condition(rest, topic)
        or _other_ones(rest, topic, subject)
        or _pronoun(rest, topic, subject)
        or (_other_thing(rest, topic, subject) if is_asking_on else None)
    )
    if rewritten is None:
        return Rewrite(question, False)
    return Rewrite(rewritten.rstrip("?!., ") + "?", True)


def _topic_of(turn: Turn) -> tuple[str, Subject]:
    """Return the sentence of a question that names its subject, and that subject."""
    sentences = [part.strip() for part in re.split(r"[?!]|\.\s", turn.question) if part.strip()]
    for sentence in reversed(sentences):
        sentence = sentence.rstrip(". ")[:MAX_TOPIC_CHARS]
        subject = subject_in(sentence)
        if subject is not None:
            return sentence, subject
    title = turn.answer_titles[0] if turn.answer_titles else "that"
    topic = turn.question.strip().rstrip("?!. ")[:MAX_TOPIC_CHARS]
    title = without_capital(title)
    return topic, Subject(len(topic), len(topic), title, title)


def _bare(rest: str, topic: str, subject: Subject) -> str | None:
    words = " ".join(rest.lower().split())
    if _BARE.fullmatch(words):
        return f"{topic}, and {words.removesuffix(' then')}"
    if _AGAIN.fullmatch(words):
        return topic
    return f"what should I know about {subject.phrase}" if _MORE.fullmatch(words) else None


def _place_only(rest: str, topic: str) -> str | None:
    spans = place_spans(rest)
    if not spans or names_something(rest):
        return None
    tokens = [t for t in tokens_of(rest) if all(t.end <= s or t.start >= e for s, e, _ in spans)]
    words = {token.word for token in tokens}
    if words - _AROUND_A_PLACE:
        return None
    for start, end, _ in reversed(place_spans(topic)):
        topic = (
            re.sub(r"\b(?:in|for|at|from)(?: the)? *$", "", topic[:start]).rstrip() + topic[end:]
        )
    if "rules" in words:
        return f"{topic}, {rest}"
    name = rest[spans[0][0] : spans[-1][1]]
    before = rest[: spans[0][0]].lower().split()
    return f"{topic.rstrip()} in {'the ' if before[-1:] == ['the'] else ''}{name}"


def _condition(rest: str, topic: str) -> str | None:
    """Append a condition that has no thing of its own, or only after a pronoun."""
    if _STATEMENT.fullmatch(rest):  # "but it's broken"
        return f"{topic} if {rest}"
    hit = _CONDITION.match(rest)
    if hit is None:
        return None
    condition = rest[hit.start(1) :]
    tokens = tokens_of(condition)
    is_question = hit[1].lower() == "when" and len(tokens) > 1 and tokens[1].word in VERBS
    if is_question or _OWN_CLAUSE.search(condition.lower()):
        return None
    first = next((i for i, token in enumerate(tokens) if token.names_something), len(tokens))
    is_leaning = any(t.word.split("'")[0] in {"it", "its", "they"} for t in tokens[:first])
    # "with the lid on" names a thing, but not the one that is asked about.
    is_addition = hit[1].lower() in ("with", "without") and not has_verb(tokens)
    if not (is_leaning or is_addition or first == len(tokens)) or "what" in condition.lower():
        return None
    return f"{topic} {condition[0].lower()}{condition[1:]}"


def _other_ones(rest: str, topic: str, subject: Subject) -> str | None:
    tokens = tokens_of(rest)
    for index, token in enumerate(tokens):
        first = index
        while first > 0 and tokens[first - 1].is_content:
            first -= 1
        is_noun = token.word == "ones" or (token.word == "one" and first < index)
        follows_thing = index + 1 < len(tokens) and tokens[index + 1].is_content
        if not is_noun or (token.word == "one" and follows_thing):
            continue
        if any(earlier.names_something for earlier in tokens[:first]):
            return None
        kind = [earlier.word for earlier in tokens[first:index]]
        names_kind = any(word not in STATE_WORDS for word in kind)
        noun = subject.noun_phrase.split(" of ")[0].split()[-1] if names_kind else None
        phrase = " ".join([*kind, noun or subject.noun_phrase])
        changed = rest[: tokens[first].start] + phrase + rest[token.end :]
        if has_verb(tokens):
            return changed
        return topic[: subject.start] + changed + topic[subject.end :]
    return None


def _pronoun(rest: str, topic: str, subject: Subject) -> str | None:
    """Put the subject in the place of the first pronoun that has nothing before it to mean."""
    tokens = tokens_of(rest)
    for index, token in enumerate(tokens):
        if token.names_something:
            return None
        after = tokens[index + 1 :]
        stem, apostrophe, suffix = token.word.partition("'")
        if stem in ("its", "their") and after and after[0].word not in STATE_WORDS:
            owned = rest[after[0].start : after[0].end]
            return f"{rest[: token.start]}the {owned} of {subject.phrase}{rest[after[0].end :]}"
        if not _refers_back(rest, tokens, index):
            continue
        if _WHOLE_SENTENCE.search(rest.lower()):
            return f"{topic}? {rest}"
        before = rest[: token.start]
        ending = " is" if stem == "its" else _SUFFIXES.get(apostrophe + suffix, "")
        for one, several in _AGREEMENT:
            right, wrong = (several, one) if subject.is_plural else (one, several)
            before = re.sub(rf"\b{wrong} $", f"{right} ", before, flags=re.IGNORECASE)
            ending = f" {right}" if ending == f" {wrong}" else ending
        return re.sub(r"[ ,]+then$", "", before + subject.phrase + ending + rest[token.end :])
    return None


def _refers_back(rest: str, tokens: Sequence[Token], index: int) -> bool:
    """Tell whether a token is a pronoun for the thing that was asked about before."""
    stem = tokens[index].word.split("'")[0]
    after = tokens[index + 1 :]
    if stem == "it" and _IMPERSONAL.match(rest[tokens[index].start :].lower()):
        # "is it safe to burn wood", "is it safe to burn them", but not "is it safe to burn"
        return not any(t.names_something or t.word in ("it", "them", "one") for t in after)
    if stem == "they" and after and after[0].word in _AGENT_VERBS:
        return not any(t.word not in FRAME_WORDS or t.word in ("it", "them") for t in after[1:])
    if stem in ("it", "its", "they", "them"):
        return True
    if stem == "one":
        return not after and index > 0 and tokens[index - 1].word not in ("no", "which", "any")
    if stem not in ("this", "that", "these", "those") or index == 0:
        return False
    # "this jar", "that bin": the thing is named right here.
    following = next((t for t in after if t.word not in STATE_WORDS), None)
    return following is None or not (following.is_content or following.word in _BIN_NOUNS)


def _other_thing(rest: str, topic: str, subject: Subject) -> str | None:
    """Ask the last question again about another thing, or in another way."""
    tokens = tokens_of(rest)
    if not rest or has_verb(tokens) or any(token.word in _COURTESIES for token in tokens):
        return None
    if not any(token.names_something for token in tokens):
        return f"{topic}, {rest}"
    thing = re.sub(r"^(?:for|with) |[ ,]+(?:then|instead|though)$", "", rest)
    return topic[: subject.start] + thing + topic[subject.end :]
