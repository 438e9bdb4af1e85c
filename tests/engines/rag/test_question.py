"""Cleaning, language and spelling: tables of what is read as what."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.rag.follow_up import Turn, rewrite_follow_up
from engines.rag.places import region_in
from engines.rag.question import MAX_CHARS, clean_question, looks_foreign
from engines.rag.spelling import Speller
from engines.runtime.errors import InputError
from engines.runtime.settings import Settings

any_text = st.text(st.characters(exclude_categories=[]), max_size=400)


@pytest.fixture(scope="module")
def speller() -> Speller:
    """Return a speller that knows the words of the project's own documents."""
    words: Counter[str] = Counter()
    for path in sorted(Settings().knowledge_dir.rglob("*.md")):
        words.update(re.findall(r"[a-z]+", path.read_text(encoding="utf-8").lower()))
    return Speller(words)


# --- cleaning


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        pytest.param("  where does\ta jar \n go? ", "where does a jar go?", id="white space"),
        pytest.param("a\x00b\x07c\x1b[31m", "abc[31m", id="control characters"),
        pytest.param("can\u200b\u202eput\ufeff it", "canput it", id="invisible marks"),
        pytest.param("I don’t know", "I don't know", id="curly apostrophe"),
        pytest.param("jar 👍?", "jar 👍?", id="an emoji beside words stays"),
        pytest.param("cafe\u0301 cup", "café cup", id="letters in one piece"),
        pytest.param("half \ud83d a jar", "half a jar", id="half of a character"),
        pytest.param("<script>x</script>", "<script>x</script>", id="markup is just text"),
        pytest.param("x" * MAX_CHARS, "x" * MAX_CHARS, id="the longest allowed"),
    ],
)
def test_a_question_is_cleaned(written: str, cleaned: str) -> None:
    assert clean_question(written) == cleaned


@pytest.mark.parametrize("written", ["", "   ", "\n\t", "👍🏽", "🗑️♻️ 🤷‍♀️", "??!", "\x00\x01", "—"])
def test_a_message_without_words_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(InputError, match=r"There is no question.*Type one in words"):
        clean_question(written)


def test_a_question_of_ten_thousand_characters_is_refused_with_its_length_and_the_limit() -> None:
    with pytest.raises(InputError, match=r"10,000 characters; at most 2,000.*Shorten"):
        clean_question("a" * 10_000)


@settings(max_examples=300, deadline=None)
@given(any_text)
def test_cleaning_raises_nothing_but_input_error_and_cleaning_twice_changes_nothing(
    written: str,
) -> None:
    try:
        cleaned = clean_question(written)
    except InputError:
        return
    assert clean_question(cleaned) == cleaned
    assert cleaned.encode("utf-8").decode("utf-8").isprintable()


@settings(max_examples=150, deadline=None)
@given(any_text, any_text)
def test_whatever_is_written_can_be_read_without_an_error(one: str, other: str) -> None:
    speller = Speller({"bottle": 3})
    for written in (one, other):
        looks_foreign(written)
        region_in(written)
        text, pairs = speller.correct(written)
        assert pairs or text == written
    rewritten = rewrite_follow_up(one, [Turn(other, (), "disposal")])
    assert rewritten.is_follow_up or rewritten.text == one


# --- language


@pytest.mark.parametrize(
    ("written", "language"),
    [
        ("Wohin mit Altglas?", "German"),
        ("wo entsorge ich Batterien", "German"),
        ("Batterie entsorgen", "German"),
        ("was passiert mit der Dose", "German"),
        ("¿Dónde tiro las pilas?", "Spanish"),
        ("donde tiro pilas", "Spanish"),
        ("Quiero reciclar una lata", "Spanish"),
        ("Où jeter les piles ?", "French"),
        ("je veux jeter une bouteille", "French"),
        ("Hoe gooi ik batterijen weg?", "Dutch"),
        ("waar batterijen", "Dutch"),
        ("Dove butto le batterie?", "Italian"),
        ("come si ricicla il vetro", "Italian"),
        ("Onde jogo as pilhas?", "Portuguese"),
        ("電池はどこに捨てますか", "Japanese"),
        ("PETボトルはどこですか", "Japanese"),
        ("电池扔哪里", "Chinese"),
        ("배터리 어디", "Korean"),
        ("πού πετάω μπαταρίες", "Greek"),
        ("איפה זורקים סוללות", "Hebrew"),
        ("ทิ้งแบตเตอรี่ที่ไหน", "Thai"),
        ("Куда выбросить батарейки", "a language in Cyrillic letters"),
        ("أين أرمي البطاريات", "a language in Arabic letters"),
        ("बैटरी कहाँ फेंकें", "a language in Devanagari letters"),
    ],
)
def test_a_question_in_another_language_is_told_by_name(written: str, language: str) -> None:
    assert looks_foreign(written) == language


@pytest.mark.parametrize(
    "written",
    [
        "can i put a dead vape in the bin",
        "what does gelbe Tonne mean?",
        "What goes in die gelbe Tonne",
        "what does 燃えるゴミ mean on my bag",
        "old tv??",
        "wat do i do w dead vape",
        "dove soap bottle",
        "batteries die too soon",
        "crème brûlée glass jar",
        "jalapeño jar lid",
        "la croix can",
        "in la",
        "can i put an old van in the bin",
        "PET",
        "123",
        "",
    ],
)
def test_english_with_a_foreign_word_in_it_stays_english(written: str) -> None:
    assert looks_foreign(written) is None


# --- spelling


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plastc botle", "plastic bottle"),
        ("dead bateries", "dead batteries"),
        ("recyleing cardbord", "recycling cardboard"),
        ("old mattres", "old mattress"),
        ("vaep", "vape"),
        ("Batery leaking", "Battery leaking"),
        ("swolen phone batery", "swollen phone battery"),
        ("nappys", "nappy"),
        ("CAN I RECYCLE A PLASTC BOTLE", "CAN I RECYCLE A Plastic Bottle"),
        ("wat do i do w dead vape", "what do i do with dead vape"),
        ("wich bin 4 foil n cans", "which bin 4 foil and cans"),
        ("do i rinse b4 or bin w/o rinsing", "do i rinse before or bin without rinsing"),
        ("cant u take teh jar", "can't you take the jar"),
    ],
)
def test_misspelt_words_are_mended(speller: Speller, written: str, read: str) -> None:
    assert speller.correct(written)[0] == read


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("where do bulbs and toasters go", id="right as it is"),
        pytest.param("is a 60 w bulb 230V recyclable", id="numbers and units"),
        pytest.param("bins in Zagreb", id="a name inside a sentence"),
        pytest.param("rules in hamburg and kelowna", id="names of places"),
        pytest.param("is HDPX or PFAX plastic", id="abbreviations"),
        pytest.param("tin oil rag pfp", id="words under four letters"),
        pytest.param("found bullets and diapers", id="two letters away from other words"),
        pytest.param("what is in bc", id="a place that is a short form too"),
        pytest.param("see example.com/botle or me@botle.org", id="addresses"),
        pytest.param("e-botle", id="parts of hyphenated words"),
        pytest.param("upcycle and upcycled chairs", id="other forms of a known word"),
    ],
)
def test_what_is_right_or_a_name_stays_as_it_is(speller: Speller, written: str) -> None:
    assert speller.correct(written) == (written, ())


def test_every_correction_is_reported_once_in_order(speller: Speller) -> None:
    found = speller.correct("u put a botle by a botle")
    assert found == ("you put a bottle by a bottle", (("u", "you"), ("botle", "bottle")))


def test_of_equally_near_words_the_most_frequent_is_taken_and_the_nearer_before_it() -> None:
    speller = Speller({"crape": 2, "crane": 9, "cranium": 1, "craniums": 50})
    assert speller.correct("crafe")[0] == "crane"
    assert Speller({"jarring": 1, "jarredly": 99}).correct("jarrimg")[0] == "jarring"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("blorp", "blorq", id="five letters, one edit"),
        pytest.param("blxyq", "blxyq", id="five letters, two edits"),
        pytest.param("blorquims", "blorquites", id="long, two edits"),
        pytest.param("florq", "florq", id="another first letter"),
        pytest.param("lborq", "blorq", id="first two letters changed places"),
    ],
)
def test_how_far_a_word_may_be_from_what_it_is_read_as(written: str, read: str) -> None:
    assert Speller({"blorq": 5, "blorquites": 5}).correct(written)[0] == read


def test_known_words_are_left_alone_but_nothing_is_read_as_them() -> None:
    speller = Speller({"sofa": 20}, known=["soda", "gizmo"])
    assert speller.correct("soda gizmos gizmx")[0] == "soda gizmos gizmx"
    assert Speller({"gizmo": 20}).correct("gizmx")[0] == "gizmo"


def test_titles_of_the_documents_are_never_corrected(speller: Speller) -> None:
    titles = [
        re.search(r"^# (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        for path in sorted(Settings().knowledge_dir.rglob("*.md"))
    ]
    assert len(titles) > 100
    changed = [pair for title in titles if title for pair in speller.correct(title[1])[1]]
    assert changed == []
