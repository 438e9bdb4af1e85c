"""One photo, three answers: what it is, how to dispose of it here, what can be made of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from PIL import Image

from engines.journey_question import disposal_question
from engines.journey_report import (
    STEPS,
    JourneyReport,
    JourneyStep,
    Outcome,
    StepName,
    Subject,
)
from engines.rag.answers import Answer, Mode
from engines.rag.chat import Chat
from engines.rag.session import ChatSession
from engines.runtime.errors import EngineUnavailableError, InputError, ReleafError
from engines.runtime.pool import EnginePool
from engines.waste.images import open_picture
from engines.waste.rules import Place, RuleBook, load_places
from engines.waste.taxonomy import ITEM_BY_ID, ITEMS

if TYPE_CHECKING:
    from engines.upcycle.engine import UpcycleEngine
    from engines.upcycle.linking import Link
    from engines.upcycle.results import Recommendations
    from engines.waste.engine import Classification

__all__ = [
    "NO_PLACE",
    "STEPS",
    "Journey",
    "JourneyReport",
    "JourneyStep",
    "Outcome",
    "StepName",
    "Subject",
    "disposal_question",
]

log = logging.getLogger(__name__)

Photo = Path | bytes | Image.Image
Job = Callable[[JourneyReport], JourneyReport]

# The place whose rules hold where no other was chosen; a question doesn't name it.
NO_PLACE = "generic"

NO_PHOTO = ReleafError("There is no photo.", "Show one if the item may be wrong.")
NO_SUBJECT = ReleafError("It is not known what the photo shows.", "Say which item it is.")
NOT_WASTE = ReleafError(
    "The photo doesn't look like something to throw away.",
    "If it is, say which item it is; else take another photo.",
)


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
        photo: Photo | None,
        *,
        place: str = NO_PLACE,
        item: str | None = None,
        material: str | None = None,
        mode: Mode = "quoted",
        session: ChatSession | None = None,
        k: int = 5,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> JourneyReport:
        """Take all steps and return the whole report. Arguments and errors as of `steps`."""
        *_, report = self.steps(
            photo,
            place=place,
            item=item,
            material=material,
            mode=mode,
            session=session,
            k=k,
            is_stopped=is_stopped,
        )
        return report

    def steps(
        self,
        photo: Photo | None,
        *,
        place: str = NO_PLACE,
        item: str | None = None,
        material: str | None = None,
        mode: Mode = "quoted",
        session: ChatSession | None = None,
        k: int = 5,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[JourneyReport]:
        """Take the steps one by one and yield the report after each; the last one is whole.

        A step that fails is named with what to do, and the others go on where they can: with
        `item`, even a photo that can't be read leads to an answer and to projects.

        Args:
            photo: a file, encoded bytes, or an open picture; None where only the item is known.
            place: id of a file of rules.
            item: an item of the taxonomy that a person says it is; else the photo decides.
            material: what the person says that the item is made of; else the photo decides, or
                what the item is made of most often.
            mode: "quoted" shows the documents' sentences, "written" lets the language model write.
            session: the person's chat, which remembers the question; None asks apart from it.
            k: how many projects.
            is_stopped: asked while an answer is written, which breaks off once it says so.

        Raises:
            InputError: if the place, the item or its material is not known, if there is neither a
                photo nor an item, or if k is below 1.
        """
        self.place(place)
        _check(photo, item, material, k)
        # A material without an item is no person's word on anything.
        said = None if item is None else Subject(item, material or "", is_chosen=True)
        jobs: dict[StepName, Job] = {
            "classify": lambda so_far: self._classified(so_far, photo, said),
            "ask": lambda so_far: self._asked(so_far, session or ChatSession(), mode, is_stopped),
            "recommend": lambda so_far: self._recommended(so_far, k),
        }
        return self._walk(place, said, has_photo=photo is not None, jobs=jobs)

    def _walk(
        self, place: str, said: Subject | None, *, has_photo: bool, jobs: dict[StepName, Job]
    ) -> Iterator[JourneyReport]:
        started_s = self._clock()
        report = JourneyReport(place, self._places[place].name)
        report = self._about(report, _subject(None, said))
        for name in STEPS:
            reason = _why_skipped(name, report, has_photo=has_photo)
            if reason is None:
                report = self._timed(name, started_s, report, jobs[name])
            else:
                at_ms = self._since_ms(started_s)
                step = JourneyStep(name, at_ms, 0.0, "skipped", reason.what, reason.do)
                report = _with(report, step)
            yield report

    def _about(self, report: JourneyReport, subject: Subject | None) -> JourneyReport:
        """Settle what the journey is about, and with it the rule and the question."""
        if subject is None:
            return report
        place, name = self._places[report.place_id], report.place_name
        item, material = subject.item, subject.material
        where = None if report.place_id == NO_PLACE else name
        return replace(
            report,
            subject=subject,
            rule=place.rule_for(item, material),
            question=disposal_question(item, material, where),
        )

    def _classified(
        self, report: JourneyReport, photo: Photo | None, said: Subject | None
    ) -> JourneyReport:
        assert photo is not None
        picture = open_picture(photo, max_pixels=self._pool.settings.max_image_pixels)
        self._expect("waste")
        found: Classification = self._pool.run("waste", lambda engine: engine.classify(picture))
        return self._about(replace(report, classification=found), _subject(found, said))

    def _asked(
        self,
        report: JourneyReport,
        session: ChatSession,
        mode: Mode,
        is_stopped: Callable[[], bool],
    ) -> JourneyReport:
        self._expect("rag")
        answer: Answer | None = None
        for delta in self._chat.answer(
            report.question, session, region=report.place_id, mode=mode, is_stopped=is_stopped
        ):
            answer = delta.answer
        if answer is None:
            raise EngineUnavailableError("The answer broke off.", "Please ask again.")
        return replace(report, answer=answer)

    def _recommended(self, report: JourneyReport, k: int) -> JourneyReport:
        subject = report.subject
        assert subject is not None

        def job(engine: UpcycleEngine) -> Recommendations:
            return engine.recommend(_made_of(engine.link(subject.item), subject.material), k=k)

        self._expect("upcycle")
        found: Recommendations = self._pool.run("upcycle", job)
        return replace(report, recommendations=found)

    def _expect(self, engine: str) -> None:
        if engine not in self._pool.names:
            raise EngineUnavailableError(
                f"The {engine} engine is not part of this app.", "Go on without it."
            )

    def _timed(
        self, name: StepName, started_s: float, report: JourneyReport, job: Job
    ) -> JourneyReport:
        """Run a step; what it raises is put into words, so that the others go on."""
        began_ms = self._since_ms(started_s)
        problem: ReleafError | None = None
        try:
            report = job(report)
        except ReleafError as error:
            problem = error
        except Exception:
            log.exception("the journey's step %s broke off", name)
            problem = EngineUnavailableError(
                "This step broke off unexpectedly.", "Try again; the log says more."
            )
        took_ms = self._since_ms(started_s) - began_ms
        if problem is None:
            return _with(report, JourneyStep(name, began_ms, took_ms, "done"))
        step = JourneyStep(name, began_ms, took_ms, "failed", problem.what, problem.do)
        return _with(report, step)

    def _since_ms(self, started_s: float) -> float:
        return max(0.0, (self._clock() - started_s) * 1000.0)


def _check(photo: Photo | None, item: str | None, material: str | None, k: int) -> None:
    if photo is None and item is None:
        raise InputError("There is neither a photo nor an item.", "Give one of them.")
    if item is not None and item not in ITEM_BY_ID:
        raise InputError(f"There is no item '{item}'.", f"Choose one of: {', '.join(ITEMS)}.")
    if item is not None and material and material not in ITEM_BY_ID[item].materials:
        known = ", ".join(ITEM_BY_ID[item].materials)
        raise InputError(f"'{item}' is not made of '{material}'.", f"Choose one of: {known}.")
    if k < 1:
        raise InputError("At least one project must be asked for.", "Set k to 1 or more.")


def _why_skipped(name: StepName, report: JourneyReport, *, has_photo: bool) -> ReleafError | None:
    if name == "classify":
        return None if has_photo else NO_PHOTO
    if report.subject is not None:
        return None
    return NO_SUBJECT if report.classification is None else NOT_WASTE


def _subject(found: Classification | None, said: Subject | None) -> Subject | None:
    """Choose what to ask about: what a person says, or else what the photo shows."""
    if said is not None:
        is_same = found is not None and found.item.id == said.item
        shown = found.material.id if found and is_same else ITEM_BY_ID[said.item].materials[0]
        return replace(said, material=said.material or shown)
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
