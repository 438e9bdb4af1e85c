from __future__ import annotations

import math
import re
from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engines.maxsight.classes import Language, vocabulary
from engines.maxsight.preferences import DIRECTION_STYLES, LANGUAGES, DirectionStyle
from engines.maxsight.tiers import TrackedObject, Urgency, Zone
from engines.maxsight.wording import WORDING_FILE, read_wording, wording
from tests.engines.maxsight.tracks import coming, thing

SAFE, CAUTION, WARNING, DANGER = Urgency
CLASS_IDS = vocabulary().trained_ids
IS_SENTENCE = re.compile(r"[A-ZÄÖÜ][^{}_\n]*[^\s{}_.,;:]\.")
LEFTOVER = re.compile(r"[{}_]|  | [,.;:]|[,;:]\.|\bnan\b|\binf\b|None|\d\.\d")


def assert_is_clean(text: str) -> None:
    assert IS_SENTENCE.fullmatch(text), text
    assert not LEFTOVER.search(text), text


def test_every_class_language_zone_and_direction_yields_a_clean_sentence() -> None:
    directions: list[tuple[DirectionStyle, int, float]] = [
        *(("clock", hour, 0.0) for hour in range(1, 13)),
        *(("sides", 12, angle_deg) for angle_deg in (-40.0, 0.0, 40.0)),
    ]
    said = set()
    for language, class_id, zone, urgency in product(LANGUAGES, CLASS_IDS, Zone, Urgency):
        for (style, hour, angle), (score, distance_m) in product(
            directions, ((0.9, math.nan), (0.2, 12.0))
        ):
            track = thing(
                class_id, zone=zone, urgency=urgency, clock_hour=hour, angle_deg=angle,
                score=score, distance_m=distance_m,
            )  # fmt: skip
            text = wording(language).alert(track, style=style)
            assert_is_clean(text)
            said.add(text)
    # Safe is worded like caution; without a number the zones differ, with one they do not.
    assert len(said) == len(LANGUAGES) * len(CLASS_IDS) * len(directions) * 3 * (3 + 1)


@pytest.mark.parametrize(
    ("track", "english", "spanish", "german"),
    [
        (
            thing("car", urgency=DANGER, clock_hour=2),
            "Danger: car at 2 o'clock, 5 metres.",
            "Peligro: coche a las 2, a 5 metros.",
            "Gefahr: Auto auf 2 Uhr, 5 Meter.",
        ),
        (
            coming("person", contact_s=2.0, urgency=WARNING, clock_hour=1, distance_m=1.4),
            "Careful: person coming closer at 1 o'clock, one and a half metres.",
            "Cuidado: se acerca una persona a la 1, a metro y medio.",
            "Vorsicht: Person kommt näher, auf 1 Uhr, anderthalb Meter.",
        ),
        (
            thing("door", urgency=CAUTION, score=0.3, distance_m=3.2),
            "Maybe a door at 12 o'clock, 3 metres.",
            "Quizás una puerta a las 12, a 3 metros.",
            "Vielleicht eine Tür auf 12 Uhr, 3 Meter.",
        ),
        (
            coming("bus", contact_s=4.0, urgency=DANGER, score=0.3, distance_m=8.0),
            "Danger: maybe a bus coming closer at 12 o'clock, 8 metres.",
            "Peligro: quizás se acerca un autobús a las 12, a 8 metros.",
            "Gefahr: vielleicht ein Bus, kommt näher, auf 12 Uhr, 8 Meter.",
        ),
        (
            thing("aeroplane", urgency=CAUTION, score=0.3, distance_m=1.0),
            "Maybe an aeroplane at 12 o'clock, one metre.",
            "Quizás un avión a las 12, a un metro.",
            "Vielleicht ein Flugzeug auf 12 Uhr, ein Meter.",
        ),
        (
            thing("chair", urgency=CAUTION, distance_m=0.6),
            "Chair at 12 o'clock, at arm's length.",
            "Silla a las 12, al alcance de la mano.",
            "Stuhl auf 12 Uhr, eine Armlänge.",
        ),
        (
            thing("stop_sign", urgency=CAUTION, distance_m=math.nan),
            "Stop sign at 12 o'clock, a few metres away.",
            "Señal de stop a las 12, a unos metros.",
            "Stoppschild auf 12 Uhr, einige Meter entfernt.",
        ),
    ],
    ids=["danger", "coming", "unsure", "unsure and coming", "a vowel", "at hand", "no number"],
)
def test_an_alert_sounds_natural(
    track: TrackedObject, english: str, spanish: str, german: str
) -> None:
    said = [wording(language).alert(track, style="clock") for language in LANGUAGES]
    assert said == [english, spanish, german]


@pytest.mark.parametrize(
    ("angle_deg", "english", "spanish", "german"),
    [
        (-30.0, "on the left", "a la izquierda", "links"),
        (-11.5, "on the left", "a la izquierda", "links"),
        (-10.5, "ahead", "delante", "geradeaus"),
        (0.0, "ahead", "delante", "geradeaus"),
        (10.5, "ahead", "delante", "geradeaus"),
        (11.5, "on the right", "a la derecha", "rechts"),
    ],
    ids=["left", "just left", "left of the middle", "ahead", "right of the middle", "just right"],
)
def test_a_direction_can_be_a_side(
    angle_deg: float, english: str, spanish: str, german: str
) -> None:
    track = thing(angle_deg=angle_deg)
    said = [wording(language).direction(track, "sides") for language in LANGUAGES]
    assert said == [english, spanish, german]


@pytest.mark.parametrize(
    ("distance_m", "expected"),
    [
        (0.0, "at arm's length"),
        (0.75, "at arm's length"),
        (0.76, "one metre"),
        (1.25, "one metre"),
        (1.3, "one and a half metres"),
        (1.76, "2 metres"),
        (2.5, "3 metres"),
        (9.4, "9 metres"),
        (9.9, "10 metres"),
        (12.4, "10 metres"),
        (13.0, "15 metres"),
        (48.0, "50 metres"),
    ],
)
def test_a_distance_is_rounded_to_what_is_known(distance_m: float, expected: str) -> None:
    assert wording("en").distance(thing(distance_m=distance_m)) == expected


@pytest.mark.parametrize(
    ("more", "english", "spanish", "german"),
    [
        (0, ".", ".", "."),
        (1, ", and one more danger.", ", y otro peligro más.", ", dazu eine weitere Gefahr."),
        (2, ", and 2 more dangers.", ", y 2 peligros más.", ", dazu 2 weitere Gefahren."),
    ],
    ids=["alone", "one more", "two more"],
)
def test_further_dangers_are_counted(more: int, english: str, spanish: str, german: str) -> None:
    track = thing(urgency=DANGER)
    for language, end in zip(LANGUAGES, (english, spanish, german), strict=True):
        alone = wording(language).alert(track, style="clock").removesuffix(".")
        assert wording(language).alert(track, style="clock", more=more) == alone + end


def test_the_summary_puts_the_urgent_first_and_like_things_together() -> None:
    tracks = [
        thing("person", distance_m=6.0, urgency=CAUTION),
        thing("door", distance_m=2.0, score=0.3),
        thing("person", distance_m=4.0, urgency=CAUTION),
        thing("person", distance_m=3.0, clock_hour=1, urgency=CAUTION),
        thing("car", distance_m=9.0, clock_hour=11, urgency=WARNING),
    ]
    assert [wording(language).summary(tracks, style="clock") for language in LANGUAGES] == [
        "In view: a car at 11 o'clock, 9 metres; a person at 1 o'clock, 3 metres; "
        "2 people at 12 o'clock, 4 metres; maybe a door at 12 o'clock, 2 metres.",
        "A la vista: un coche a las 11, a 9 metros; una persona a la 1, a 3 metros; "
        "2 personas a las 12, a 4 metros; quizás una puerta a las 12, a 2 metros.",
        "Im Bild: ein Auto auf 11 Uhr, 9 Meter; eine Person auf 1 Uhr, 3 Meter; "
        "2 Personen auf 12 Uhr, 4 Meter; vielleicht eine Tür auf 12 Uhr, 2 Meter.",
    ]


@pytest.mark.parametrize(
    ("count", "end"),
    [(5, "metres."), (6, "and one more thing."), (8, "and 3 more things.")],
)
def test_a_summary_names_five_things_at_most(count: int, end: str) -> None:
    tracks = [thing(class_id) for class_id in CLASS_IDS[:count]]
    summary = wording("en").summary(tracks, style="clock")
    assert summary.endswith(end)
    assert summary.count("o'clock") == 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_view_is_not_called_safe(language: Language) -> None:
    nothing = wording(language).summary([], style="clock")
    way = {"en": "in the way", "es": "en el camino", "de": "im Weg"}[language]
    assert way in nothing


any_tracks = st.builds(
    thing,
    st.sampled_from(CLASS_IDS),
    score=st.floats(0, 1),
    distance_m=st.floats(0, 60) | st.just(math.inf),
    zone=st.sampled_from(list(Zone)),
    clock_hour=st.integers(1, 12),
    angle_deg=st.floats(-90, 90),
    urgency=st.sampled_from(list(Urgency)),
)


@given(
    st.lists(any_tracks, min_size=1, max_size=12),
    st.sampled_from(LANGUAGES),
    st.sampled_from(DIRECTION_STYLES),
)
def test_a_summary_of_anything_is_a_clean_sentence(
    tracks: list[TrackedObject], language: Language, style: DirectionStyle
) -> None:
    assert_is_clean(wording(language).summary(tracks, style=style))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_nouns_are_the_vocabularys_names_with_an_article(language: Language) -> None:
    articles = {"en": {"a", "an"}, "es": {"un", "una"}, "de": {"ein", "eine"}}[language]
    nouns = yaml.safe_load(WORDING_FILE.read_text("utf-8"))[language]["nouns"]
    for one in vocabulary().trained:
        article, _, name = nouns[one.id][0].partition(" ")
        assert article in articles
        assert name == one.names[language]
        if language == "en":
            assert (article == "an") == (name[0] in "aeiou")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("at {hour} o'clock", "at {hours} o'clock", "hours.one has to fill in"),
        ("maybe {one} coming closer", "maybe coming closer", "said.maybe_coming has to fill in"),
        ("    door: [a door, doors]\n", "", "differ in door"),
        ("\nes:\n", "\nfr:\n", "fr"),
        ("    door: [a door, doors]\n", "    door: [a door]\n", "en.nouns.door"),
        ("{said}.", "{said.", "^wording.yaml: en: expected"),
        ("\n  unnamed:", "\n  greeting: hello\n  unnamed:", "en.greeting: is not a known field"),
        ("en:\n", "en:\n  unnamed: a\n", "written twice"),
    ],
    ids=[
        "a misspelt place",
        "a forgotten place",
        "a class without a noun",
        "an unknown language",
        "a noun without a plural",
        "a broken template",
        "a text nobody asked for",
        "a text written twice",
    ],
)
def test_a_file_that_does_not_fit_says_where(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = WORDING_FILE.read_text("utf-8")
    assert old in text
    changed = tmp_path / "wording.yaml"
    changed.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ValueError, match=message):
        read_wording(changed)
