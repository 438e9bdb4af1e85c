"""What is not fit to learn from is left out, for a reason that is counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.llm.fit.checking import REASONS, Checker, is_broken, is_language
from engines.llm.fit.examples import Example, Turn

JAR = Example("Where does a jar go?", "", "Put it in the glass bank without its lid.")
GERMAN = "Leere Gläser kommen in den Altglascontainer und der Deckel in die Gelbe Tonne."
FRENCH = "Les bocaux vides vont dans le conteneur à verre et le couvercle dans le bac jaune."


def count_bytes(text: str) -> int:
    return len(text.encode())


def checker(max_tokens: int = 400, language: str = "en") -> Checker:
    return Checker(count_bytes, max_tokens=max_tokens, language=language)


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        pytest.param(JAR, None, id="fit"),
        pytest.param(Example("", "", "Yes."), "no question", id="no question"),
        pytest.param(Example(" ?! ", "", "Yes."), "no question", id="only marks"),
        pytest.param(Example("Jar?", "", ""), "no answer", id="no answer"),
        pytest.param(Example("Jar?", "", " ... "), "no answer", id="an answer of dots"),
        pytest.param(Example("Jar?", "", "缶"), None, id="an answer of one sign"),
        pytest.param(Example("CafÃ©?", "", "Yes."), "broken encoding", id="broken question"),
        pytest.param(Example("Jar?", "D\ufffdch", "Yes."), "broken encoding", id="broken input"),
        pytest.param(Example("Jar?", "", "a\x00b"), "broken encoding", id="control character"),
        pytest.param(Example("Jar?", "", "a\ud800b"), "broken encoding", id="half a character"),
        pytest.param(
            Example("Jar?", "", "Yes.", system="a\ud800"), "broken encoding", id="broken orders"
        ),
        pytest.param(
            Example("Jar?", "", "Yes.", history=(Turn("a", "Ã¼"),)),
            "broken encoding",
            id="broken turn",
        ),
        pytest.param(Example("Jar?", "x " * 300, "Yes."), "too long", id="long input"),
        pytest.param(Example("Jar?", "", "Yes.", system="x " * 300), "too long", id="long orders"),
        pytest.param(
            Example("Jar?", "", "Yes.", history=(Turn("a", "x " * 300),)), "too long", id="history"
        ),
        pytest.param(Example("Jar?", "🔋" * 101, "Yes."), "too long", id="few signs, many bytes"),
        pytest.param(Example("Jar?", "", GERMAN), "another language", id="German"),
        pytest.param(Example("Jar?", "", FRENCH), "another language", id="French"),
        pytest.param(Example("Jar?", "", "Gelbe Tonne."), None, id="too short to tell"),
        pytest.param(
            Example(
                "Is that allowed?",
                "",
                "In France, burning green waste in the garden is forbidden, and the déchèterie "
                "takes it. [1]",
            ),
            None,
            id="English with French",
        ),
        pytest.param(
            Example(
                "Battery?",
                "",
                "In Germany, hand a swollen battery to the staff of the Wertstoffhof and do not "
                "drop it in a box. [2] Tape the terminals and drop it in the Sammelbox. [1]",
            ),
            None,
            id="English with German",
        ),
        pytest.param(
            Example(
                "瓶?",
                "",
                " ".join(
                    [
                        "空瓶",
                        "请",
                        "放入",
                        "玻璃",
                        "回收",
                        "箱",
                        "，",
                        "瓶盖",
                        "请",
                        "放入",
                        "金属",
                        "回收",
                        "箱",
                        "。",
                    ]
                ),
            ),
            "another language",
            id="Chinese",
        ),
    ],
)
def test_an_example_is_fit_or_not_for_one_reason(example: Example, reason: str | None) -> None:
    check = checker()
    assert check.reason(example) == reason
    assert reason is None or reason in REASONS
    assert check.kept == (reason is None)
    assert dict(check.skipped) == ({} if reason is None else {reason: 1})


def test_the_language_can_be_another() -> None:
    assert checker(language="de").reason(Example("Glas?", "", GERMAN)) is None
    english = "Put the jar in the glass bank and throw the lid in with the metal packaging."
    assert checker(language="de").reason(Example("Jar?", "", english)) == "another language"
    assert is_language(FRENCH, "fr")


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        pytest.param(JAR, "duplicate", id="the same"),
        pytest.param(
            Example("WHERE does a  jar go?", "", "Put it in the glass bank\nwithout its lid."),
            "duplicate",
            id="other case and spaces",
        ),
        pytest.param(Example(JAR.instruction, "A jar is glass.", JAR.output), None, id="input"),
        pytest.param(Example(JAR.instruction, "", "Ask the council."), None, id="answer"),
        pytest.param(
            Example(JAR.instruction, "", JAR.output, history=(Turn("Tin?", "Bin."),)),
            None,
            id="history",
        ),
    ],
)
def test_only_the_very_same_is_a_duplicate(other: Example, reason: str | None) -> None:
    check = checker()
    assert check.reason(JAR) is None
    assert check.reason(other) == reason


def test_what_was_left_out_is_no_duplicate_of_itself() -> None:
    check = checker(max_tokens=20)
    assert [check.reason(JAR), check.reason(JAR)] == ["too long", "too long"]
    assert check.skipped == {"too long": 2}


def test_an_example_of_just_the_most_tokens_is_fit() -> None:
    size = count_bytes("\n".join(["", JAR.instruction, "", JAR.output]))
    assert checker(max_tokens=size).reason(JAR) is None
    assert checker(max_tokens=size - 1).reason(JAR) == "too long"


# Letters with marks as they stand in German, French, Spanish and Dutch words.
ACCENTED = "äöüßéèêëàâçîïôûùñíóúáÄÖÜÉÀÇÑ"


@settings(deadline=None)
@given(
    before=st.text("abc ", max_size=5),
    letter=st.sampled_from(ACCENTED),
    after=st.text("abc ", max_size=5),
    encoding=st.sampled_from(["latin-1", "cp1252"]),
)
def test_utf8_read_as_another_encoding_is_seen(
    before: str, letter: str, after: str, encoding: str
) -> None:
    text = before + letter + after
    assert not is_broken(text)
    assert is_broken(text.encode().decode(encoding, "replace"))


@pytest.mark.parametrize(
    "text",
    [
        "Déchèterie, Restmüll, 缶",
        "“quoted” – it’s 60 °C, 25 ¢, ½",
        "a\tb\r\nc",
        "naïve 🔋 👨‍👩‍👧",
        "SÃO",
    ],
)
def test_ordinary_text_is_not_broken(text: str) -> None:
    assert not is_broken(text)


@pytest.mark.parametrize(
    "sign", ["\x00", "\x08", "\x0b", "\x1b", "\x7f", "\x85", "\x9f", "\ud800", "\udfff"]
)
def test_a_control_character_or_half_a_character_is_broken(sign: str) -> None:
    assert is_broken(f"Rinse{sign} it.")
