"""One photo, three answers: what it is, how to dispose of it here, what can be made of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal, TypeVar

from PIL import Image

from engines.rag.answers import Answer, Mode
from engines.rag.chat import Chat
from engines.rag.session import ChatSession
from engines.runtime.errors import EngineUnavailableError, InputError, ReleafError
from engines.runtime.pool import EnginePool
from engines.waste.images import open_picture
from engines.waste.rules import Place, Rule, RuleBook, load_places
from engines.waste.taxonomy import ITEM_BY_ID, ITEMS, MATERIAL_NAMES, MATERIALS

if TYPE_CHECKING:
    from engines.upcycle.engine import UpcycleEngine
    from engines.upcycle.linking import Link
    from engines.upcycle.results import Recommendations
    from engines.waste.engine import Classification

log = logging.getLogger(__name__)

StepName = Literal["classify", "ask", "recommend"]
Outcome = Literal["done", "failed", "skipped"]

STEPS: tuple[StepName, ...] = ("classify", "ask", "recommend")
# The place whose rules hold where no other was chosen; a question doesn't name it.
NO_PLACE = "generic"
# Things that are spoken of without "a": there is more of them, or no single one.
_WITHOUT_ARTICLE = frozenset(
    ["paper", "food_waste", "small_electronics", "clothing", "shoes", "wood"]
)

NO_SUBJECT = ReleafError("It is not known what the photo shows.", "Say which item it is.")
NOT_WASTE = ReleafError(
    "The photo doesn't look like something to throw away.",
    "If it is, say which item it is; else take another photo.",
)

T = TypeVar("T")


@dataclass(frozen=True)
class Subject:
    """What the journey is about: an item and a material of the waste taxonomy, by their ids.

    Attributes:
        is_chosen: whether a person said so; else the photo did.
    """

    item: str
    material: str
    is_chosen: bool


@dataclass(frozen=True)
class JourneyStep:
    """One step on the timeline.

    Attributes:
        started_ms: from the start of the journey to the start of this step.
        latency_ms: what the step took, with its waiting for other people's jobs.
        outcome: "skipped" where a step before left nothing to do.
        what, do: what is wrong and what to do about it; empty where it is done.
    """

    name: StepName
    started_ms: float
    latency_ms: float
    outcome: Outcome
    what: str = ""
    do: str = ""


@dataclass(frozen=True)
class JourneyReport:
    """What is known so far of one photo; the parts of steps that failed stay None.

    Attributes:
        place_id, place_name: the place whose rules hold.
        subject: what is asked about; None if the photo doesn't tell and nobody said it.
        rule: the bin and the preparation there.
        question: as the chat was asked; "" before that.
        steps: those that ended, in order.
        latency_ms: from the start of the journey to the end of its newest step.
    """

    place_id: str
    place_name: str
    classification: Classification | None = None
    subject: Subject | None = None
    rule: Rule | None = None
    question: str = ""
    answer: Answer | None = None
    recommendations: Recommendations | None = None
    steps: tuple[JourneyStep, ...] = ()
    latency_ms: float = 0.0

    @property
    def is_finished(self) -> bool:
        """Whether no step is left."""
        return len(self.steps) == len(STEPS)

    @property
    def problems(self) -> tuple[JourneyStep, ...]:
        """The steps that failed."""
        return tuple(step for step in self.steps if step.outcome == "failed")


class Journey:
    """Take a photo through three engines of a pool; one object for all people.

    Without text generation (mode "quoted") the reference design gives it 500 ms at the 95th
    percentile, on two cores. It keeps nothing of a person.

    Args:
        pool: has the engines "waste", "rag" and "upcycle"; "llm" is asked in mode "written".
        clock: seconds, rising.
        places: the rules of all places; read from the folder of the settings by default.
    """

    def __init__(
        self,
        pool: EnginePool,
        *,
        clock: Callable[[], float] = perf_counter,
        places: RuleBook | None = None,
    ) -> None:
        self._pool, self._clock = pool, clock
        self._chat = Chat(pool)
        self._places = (places or load_places(pool.settings.rules_dir)).places

    def place(self, place: str) -> Place:
        """Return the rules of a place. Raises InputError if it is not known."""
        try:
            return self._places[place]
        except KeyError:
            known = ", ".join(self._places)
            raise InputError(f"There is no place '{place}'.", f"Choose one of: {known}.") from None

    def run(
        self,
        photo: Path | bytes | Image.Image,
        *,
        place: str = NO_PLACE,
        item: str | None = None,
        mode: Mode = "quoted",
        session: ChatSession | None = None,
        k: int = 5,
    ) -> JourneyReport:
        """Take all steps and return the whole report. Arguments and errors as of `steps`."""
        *_, report = self.steps(photo, place=place, item=item, mode=mode, session=session, k=k)
        return report

    def steps(
        self,
        photo: Path | bytes | Image.Image,
        *,
        place: str = NO_PLACE,
        item: str | None = None,
        mode: Mode = "quoted",
        session: ChatSession | None = None,
        k: int = 5,
    ) -> Iterator[JourneyReport]:
        """Take the steps one by one and yield the report after each; the last one is whole.

        A step that fails is named with what to do, and the others go on where they can: with
        `item`, even a photo that can't be read leads to an answer and to projects.

        Args:
            photo: a file, encoded bytes, or an open picture.
            place: id of a file of rules.
            item: an item of the taxonomy that a person says it is; else the photo decides.
            mode: "quoted" shows the documents' sentences, "written" lets the language model write.
            session: the person's chat, which remembers the question; None asks apart from it.
            k: how many projects.

        Raises:
            InputError: if the place or the item is not known, or k is below 1.
        """
        self._check(place, item, k)
        return self._walk(photo, place, item, mode, session or ChatSession(), k)

    def _walk(
        self,
        photo: Path | bytes | Image.Image,
        place: str,
        item: str | None,
        mode: Mode,
        session: ChatSession,
        k: int,
    ) -> Iterator[JourneyReport]:
        started_s = self._clock()
        name = self._places[place].name

        found, step = self._timed("classify", started_s, lambda: self._classify(photo))
        report = _with(JourneyReport(place, name, classification=found), step)
        subject = _subject(found, item)
        if subject is not None:
            rule = self._places[place].rule_for(subject.item, subject.material)
            report = replace(report, subject=subject, rule=rule)
        yield report

        if subject is None:
            reason = NO_SUBJECT if found is None else NOT_WASTE
            for skipped in STEPS[1:]:
                at_ms = self._since_ms(started_s)
                step = JourneyStep(skipped, at_ms, 0.0, "skipped", reason.what, reason.do)
                report = _with(report, step)
                yield report
            return

        question = disposal_question(
            subject.item, subject.material, None if place == NO_PLACE else name
        )
        answer, step = self._timed(
            "ask", started_s, lambda: self._ask(question, session, place, mode)
        )
        report = _with(replace(report, question=question, answer=answer), step)
        yield report

        projects, step = self._timed("recommend", started_s, lambda: self._recommend(subject, k))
        yield _with(replace(report, recommendations=projects), step)

    def _check(self, place: str, item: str | None, k: int) -> None:
        self.place(place)
        if item is not None and item not in ITEM_BY_ID:
            raise InputError(f"There is no item '{item}'.", f"Choose one of: {', '.join(ITEMS)}.")
        if k < 1:
            raise InputError("At least one project must be asked for.", "Set k to 1 or more.")

    def _classify(self, photo: Path | bytes | Image.Image) -> Classification:
        picture = open_picture(photo, max_pixels=self._pool.settings.max_image_pixels)
        self._expect("waste")
        found: Classification = self._pool.run("waste", lambda engine: engine.classify(picture))
        return found

    def _ask(self, question: str, session: ChatSession, place: str, mode: Mode) -> Answer:
        self._expect("rag")
        answer: Answer | None = None
        for delta in self._chat.answer(question, session, region=place, mode=mode):
            answer = delta.answer
        if answer is None:
            raise EngineUnavailableError("The answer broke off.", "Please ask again.")
        return answer

    def _recommend(self, subject: Subject, k: int) -> Recommendations:
        def job(engine: UpcycleEngine) -> Recommendations:
            return engine.recommend(_made_of(engine.link(subject.item), subject.material), k=k)

        self._expect("upcycle")
        found: Recommendations = self._pool.run("upcycle", job)
        return found

    def _expect(self, engine: str) -> None:
        if engine not in self._pool.names:
            raise EngineUnavailableError(
                f"The {engine} engine is not part of this app.", "Go on without it."
            )

    def _timed(
        self, name: StepName, started_s: float, job: Callable[[], T]
    ) -> tuple[T | None, JourneyStep]:
        """Run a step; what it raises is put into words, so that the others go on."""
        began_ms = self._since_ms(started_s)
        result: T | None = None
        problem: ReleafError | None = None
        try:
            result = job()
        except ReleafError as error:
            problem = error
        except Exception:
            log.exception("the journey's step %s broke off", name)
            problem = EngineUnavailableError(
                "This step broke off unexpectedly.", "Try again; the log says more."
            )
        took_ms = self._since_ms(started_s) - began_ms
        if problem is None:
            return result, JourneyStep(name, began_ms, took_ms, "done")
        return None, JourneyStep(name, began_ms, took_ms, "failed", problem.what, problem.do)

    def _since_ms(self, started_s: float) -> float:
        return max(0.0, (self._clock() - started_s) * 1000.0)


def disposal_question(item: str, material: str, place_name: str | None) -> str:
    """Ask the chat how to dispose of an item of a material, in a place if one is named.

    Example:
        >>> disposal_question("plastic_bottle", "PET", "Germany")
        'How do I dispose of a plastic bottle made of PET plastic in Germany?'

    Raises:
        InputError: if the item or the material is not in the taxonomy.
    """
    if item not in ITEM_BY_ID or material not in MATERIALS:
        raise InputError(f"'{item}' of '{material}' is unknown.", "Take both from the taxonomy.")
    thing = ITEM_BY_ID[item].name.lower()
    if item not in _WITHOUT_ARTICLE:
        thing = f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"
    # "Made of wood" says nothing new of wood, and no phone is "made of electronics".
    if len(ITEM_BY_ID[item].materials) > 1:
        thing += f" made of {_material_words(material)}"
    where = "" if place_name is None else f" in {place_name}"
    return f"How do I dispose of {thing}{where}?"


def _material_words(material: str) -> str:
    # "PET plastic (1)": the number is stamped on the thing and not spoken.
    name = MATERIAL_NAMES[material].partition(" (")[0]
    return name if name[:2].isupper() else name[:1].lower() + name[1:]


def _subject(found: Classification | None, item: str | None) -> Subject | None:
    """Choose what to ask about: what a person says, or else what the photo shows."""
    if item is not None:
        is_same = found is not None and found.item.id == item
        material = found.material.id if found and is_same else ITEM_BY_ID[item].materials[0]
        return Subject(item, material, is_chosen=True)
    if found is None or not found.is_waste:
        return None
    return Subject(found.item.id, found.material.id, is_chosen=False)


def _made_of(link: Link, material: str) -> Link:
    """Put a material first among those that a thing may be made of; others change nothing."""
    thing = link.thing
    if material not in thing.materials:
        return link
    order = (material, *(name for name in thing.materials if name != material))
    return replace(link, thing=replace(thing, materials=order))


def _with(report: JourneyReport, step: JourneyStep) -> JourneyReport:
    latency_ms = step.started_ms + step.latency_ms
    return replace(report, steps=(*report.steps, step), latency_ms=latency_ms)
