"""Follow-ups: tables of what is read as what after a question about plastic bottles."""

from __future__ import annotations

import pytest

from engines.rag.follow_up import Rewrite, Turn, rewrite_follow_up

BOTTLES = Turn("Can I recycle plastic bottles?", ("Plastic bottles",), "disposal")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("why?", "Can I recycle plastic bottles, and why?"),
        ("Why not?", "Can I recycle plastic bottles, and why not?"),
        ("and which bin?", "Can I recycle plastic bottles, and which bin?"),
        ("where then?", "Can I recycle plastic bottles, and where?"),
        ("are you sure?", "Can I recycle plastic bottles?"),
        ("tell me more", "what should I know about plastic bottles?"),
        ("what about in Germany?", "Can I recycle plastic bottles in Germany?"),
        ("and in the UK?", "Can I recycle plastic bottles in the UK?"),
        ("for France instead?", "Can I recycle plastic bottles in France?"),
        ("what about german rules?", "Can I recycle plastic bottles, german rules?"),
        ("and if it's broken?", "Can I recycle plastic bottles if it's broken?"),
        ("but it's broken", "Can I recycle plastic bottles if it's broken?"),
        (
            "what if it still has water in it?",
            "Can I recycle plastic bottles if it still has water in it?",
        ),
        ("with the lid on?", "Can I recycle plastic bottles with the lid on?"),
        ("and the glass ones?", "Can I recycle the glass bottles?"),
        ("what about broken ones?", "Can I recycle broken plastic bottles?"),
        ("can i compost the glass ones", "can i compost the glass bottles?"),
        ("can it be recycled then?", "can plastic bottles be recycled?"),
        ("are they toxic?", "are plastic bottles toxic?"),
        ("is it safe to burn them?", "is it safe to burn plastic bottles?"),
        ("how long does it take to decompose?", "how long do plastic bottles take to decompose?"),
        ("do its lids go in too?", "do the lids of plastic bottles go in too?"),
        ("how do I get rid of one?", "how do I get rid of plastic bottles?"),
        ("when is it collected?", "when are plastic bottles collected?"),
        ("can they recycle it?", "can they recycle plastic bottles?"),
        (
            "can i put it with the glass jars?",
            "can i put plastic bottles with the glass jars?",
        ),
        ("can i do that at home?", "Can I recycle plastic bottles? can i do that at home?"),
        ("what about cardboard?", "Can I recycle cardboard?"),
        ("how about a wine bottle then?", "Can I recycle a wine bottle?"),
        ("or foil", "Can I recycle foil?"),
    ],
)
def test_a_follow_up_is_made_to_stand_alone(written: str, read: str) -> None:
    assert rewrite_follow_up(written, [BOTTLES]) == Rewrite(read, True)


@pytest.mark.parametrize(
    "written",
    [
        "where do old tvs go?",
        "old tv??",
        "And where do I put batteries?",
        "and batteries, where do they go?",
        "what can be recycled?",
        "is it ok to put glass in the bin?",
        "how long does it take to compost paper?",
        "does it matter if the label is on?",
        "do they collect glass in Berlin?",
        "can this jar be recycled?",
        "what does this symbol mean?",
        "I have a broken jar, can it be recycled?",
        "my phone is dead, where do i take it",
        "what if a child swallows a battery?",
        "are lithium batteries worse than alkaline ones?",
        "right to repair law",
        "what can you do?",
        "how about you?",
        "who made you?",
        "thanks",
        "ok thanks",
        "and thanks",
        "ok cool",
        "yes please",
        "no",
        "",
        "?",
    ],
)
def test_a_question_of_its_own_is_not_touched(written: str) -> None:
    assert rewrite_follow_up(written, [BOTTLES]) == Rewrite(written, False)


@pytest.mark.parametrize(
    ("last", "written", "read"),
    [
        ("can i put a dead vape in the bin", "can it explode?", "can a dead vape explode?"),
        (
            "where does a plastic jar go in Berlin?",
            "what about in France?",
            "where does a plastic jar go in France?",
        ),
        (
            "where does a plastic jar go in Berlin?",
            "and a box of matches?",
            "where does a box of matches go in Berlin?",
        ),
        (
            "how do i dispose of a box of matches",
            "and the wet ones",
            "how do i dispose of the wet box of matches?",
        ),
        (
            "My phone battery is swollen. What should I do?",
            "can I still use it?",
            "can I still use my phone battery?",
        ),
        ("PET bottles?", "are they toxic?", "are PET bottles toxic?"),
        ("old tv??", "and a radio?", "a radio?"),
    ],
)
def test_the_subject_is_the_thing_that_the_last_question_names(
    last: str, written: str, read: str
) -> None:
    assert rewrite_follow_up(written, [Turn(last, (), "disposal")]) == Rewrite(read, True)


def test_without_a_thing_in_the_last_question_the_title_of_its_answer_is_the_subject() -> None:
    last = Turn("what is it?", ("Vapes and e-cigarettes", "Batteries"), "hazard")
    assert rewrite_follow_up("can they explode?", [last]).text == (
        "can vapes and e-cigarettes explode?"
    )


def test_small_talk_in_between_is_passed_over() -> None:
    turns = [BOTTLES, Turn("thanks", (), "small_talk"), Turn("who made you", (), "about_app")]
    assert rewrite_follow_up("why?", turns).text == "Can I recycle plastic bottles, and why?"


@pytest.mark.parametrize("history", [[], [Turn("hello", (), "small_talk")]], ids=["none", "hello"])
def test_without_a_question_before_nothing_is_a_follow_up(history: list[Turn]) -> None:
    assert rewrite_follow_up("and the glass ones?", history) == Rewrite(
        "and the glass ones?", False
    )


def test_a_chain_of_follow_ups_carries_the_thing_along() -> None:
    turns = [BOTTLES]
    for written in ("and the glass ones?", "what about in Germany?", "why?"):
        turns.append(Turn(rewrite_follow_up(written, turns).text, (), "disposal"))
    assert turns[-1].question == "Can I recycle the glass bottles in Germany, and why?"


def test_a_very_long_last_question_is_carried_only_in_part() -> None:
    last = Turn("jar " * 480, (), "disposal")
    assert len(rewrite_follow_up("why?", [last]).text) < 400
