"""Find what a question is about. Word lists, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engines.rag.places import place_spans
from engines.rag.words import word_set

# Words that carry a question but are never what it is about.
FRAME_WORDS = word_set("""
a an the this that these those some any my your our their his her its i you he she it we they me
us them who what which when where why how whose whom and or but so if unless because than then
also too as at by for from in into of off on onto out over to up with without about after before
under until while during is are was were am be been being do does did done doing has have had
having can could may might must shall should will would need needs needed want wants let lets
there here not no yes never ever still just only even very really please ok okay well much many
more most less long often kind sort sorts type thing things stuff something anything else instead
again already now today usually actually maybe put puts putting throw throws throwing thrown toss
chuck recycle recycles recycled recycling recyclable compost composted composting compostable
dispose disposed disposal bin binned bins trash garbage rubbish waste dump landfill bury burn
burned burnt flush pour drain wash washed rinse rinsed clean cleaned cleaning empty emptied reuse
reused reusing repair repaired fix fixed fixing donate donated sell sold give given take takes
taken taking bring brought return returned keep kept store stored leave left crush crushed flatten
flattened separate separated sorted sorting remove removed peel cut open opened get gets getting
got rid go goes going gone happen happens happened make makes made making turn use used using work
works mean means become becomes come comes belong belongs know find tell show explain say says
wrap wrapped tape taped handle collect collected accept accepted allowed hold break decompose rot
buy bought found swallowed swallow ate try tried possible ok safe safely way ways best better idea
ideas rule rules place home house curb kerb street container colour color don doesn isn aren won
isn't aren't can't don't doesn't won't what's where's how's who's it's they're that's i'm i've
one ones once whats wheres hows whos thats theyre dont cant isnt doesnt wont
""")
# Words that describe a thing without naming it: "broken ones" are broken things of the same kind.
STATE_WORDS = word_set("""
broken dead old new dirty greasy wet dry full half small big large tiny huge other same different
damaged cracked expired leaking leaky rusty swollen hot cold warm smashed torn used unused worn
sharp heavy light loose mixed whole sealed unopened opened open empty clean rinsed unwashed bad
good dangerous toxic poisonous harmful hazardous flammable expensive free legal illegal fine okay
safe possible true mouldy rotten sticky stained coloured colored clear thick thin soft hard cheap
working similar single bigger smaller older newer inside outside right wrong best first
second last next
""")
VERBS = word_set("""
is are was were be do does did has have can could may might must should will would put throw
recycle compost dispose bury burn flush pour wash rinse clean reuse repair fix donate sell give
take bring return keep store leave crush flatten separate remove peel cut get go goes happen
happens make turn use work works mean belong tell show explain
""")
_DETERMINERS = word_set("a an the my your our some any this that these those his her")
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


@dataclass(frozen=True)
class Token:
    """A word, where it stands, and whether it may say what a question is about."""

    start: int
    end: int
    word: str
    is_content: bool

    @property
    def names_something(self) -> bool:
        """Whether it names a thing, not only the state of one."""
        return self.is_content and self.word not in STATE_WORDS


@dataclass(frozen=True)
class Subject:
    """What a question is about: its span with the determiner, and the words without it."""

    start: int
    end: int
    phrase: str
    noun_phrase: str

    @property
    def is_plural(self) -> bool:
        """Whether it is several things, by its last letters."""
        head = self.noun_phrase.split(" of ")[0]
        return head.endswith("s") and not head.endswith(("ss", "us"))


def tokens_of(text: str) -> list[Token]:
    """Split a text into its words, lower-cased; the name of a place is no content."""
    spans = place_spans(text)
    return [
        Token(
            hit.start(),
            hit.end(),
            hit[0].lower(),
            (hit[0].lower() not in FRAME_WORDS or hit[0].lower() in STATE_WORDS)
            and not any(start < hit.end() and hit.start() < end for start, end, _ in spans),
        )
        for hit in _TOKEN.finditer(text)
    ]


def names_something(text: str) -> bool:
    """Say whether a text names a thing."""
    return any(token.names_something for token in tokens_of(text))


def subject_in(text: str) -> Subject | None:
    """Return the longest run of words that name a thing, the first of equally long ones."""
    tokens = tokens_of(text)
    runs: list[tuple[int, int]] = []
    index = 0
    while index < len(tokens):
        end = index
        while end < len(tokens) and _continues(text, tokens, index, end):
            end += 1
        if any(token.names_something for token in tokens[index:end]):
            runs.append((index, end))
        index = max(end, index + 1)
    if not runs:
        return None
    first, end = max(runs, key=lambda run: run[1] - run[0])
    stop = tokens[end - 1].end
    noun_phrase = text[tokens[first].start : stop]
    has_determiner = first > 0 and tokens[first - 1].word in _DETERMINERS
    start = tokens[first - 1].start if has_determiner else tokens[first].start
    phrase = text[start:stop]
    if start == 0:
        phrase = without_capital(phrase)
    return Subject(start, stop, phrase, noun_phrase)


def without_capital(phrase: str) -> str:
    """Take off the capital of a sentence's first word; "PET bottles" keeps it."""
    is_word = not phrase[1:2].isupper()
    return phrase[:1].lower() + phrase[1:] if is_word else phrase


def _continues(text: str, tokens: Sequence[Token], first: int, index: int) -> bool:
    """Tell whether a token belongs to the run of words that began at `first`."""
    if index > first and not text[tokens[index - 1].end : tokens[index].start].isspace():
        return False
    # "a box of matches" is one thing.
    is_joined = index > first and tokens[index].word == "of" and index + 1 < len(tokens)
    return tokens[index].is_content or (is_joined and tokens[index + 1].is_content)


def has_verb(tokens: Sequence[Token]) -> bool:
    """Say whether one of the words is a verb of the list `VERBS`."""
    return any(token.word in VERBS for token in tokens)
