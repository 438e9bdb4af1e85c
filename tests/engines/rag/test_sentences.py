"""Sentences: split where one ends and nowhere else, without Markdown's marks."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.rag.chunking import split_sentences
from engines.rag.sentences import Block, blocks


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        pytest.param("Rinse a jar. Dry it.", ["Rinse a jar.", "Dry it."], id="two"),
        pytest.param("", [], id="nothing"),
        pytest.param(" \n\n ", [], id="blank"),
        pytest.param("no full stop", ["no full stop"], id="no full stop"),
        pytest.param(
            "Metals, e.g. Aluminium, melt, i.e. They flow. Next.",
            ["Metals, e.g. Aluminium, melt, i.e. They flow.", "Next."],
            id="e.g. and i.e.",
        ),
        pytest.param(
            "It weighs approx. 5 kg. Ask Dr. Smith or Mrs. Jones.",
            ["It weighs approx. 5 kg.", "Ask Dr. Smith or Mrs. Jones."],
            id="approx., Dr., Mrs.",
        ),
        pytest.param(
            "Go to St. Louis. Shops on Main St. The shop is open.",
            ["Go to St. Louis.", "Shops on Main St.", "The shop is open."],
            id="St.",
        ),
        pytest.param(
            "May it go there? No. Take it back. See No. 5 and Art. 12. Done.",
            ["May it go there?", "No.", "Take it back.", "See No. 5 and Art. 12.", "Done."],
            id="No. as word and as number",
        ),
        pytest.param(
            "The U.S. Environmental Protection Agency and the U.K. Government agree. In the U.S. "
            "The rule varies. It is from the U.S. Take it there.",
            [
                "The U.S. Environmental Protection Agency and the U.K. Government agree.",
                "In the U.S.",
                "The rule varies.",
                "It is from the U.S.",
                "Take it there.",
            ],
            id="U.S. and U.K.",
        ),
        pytest.param(
            "J. R. Smith wrote it. Fruit has vitamin C. Peel is compost.",
            ["J. R. Smith wrote it.", "Fruit has vitamin C.", "Peel is compost."],
            id="initials and single letters",
        ),
        pytest.param(
            "Jars, lids, etc. Others stay. Open at 9 a.m. Monday. Shut at 5 p.m. The gate is on.",
            [
                *("Jars, lids, etc.", "Others stay.", "Open at 9 a.m. Monday."),
                *("Shut at 5 p.m.", "The gate is on."),
            ],
            id="etc. and a.m.",
        ),
        pytest.param(
            "It costs 3.5 euros. It rose by 1.2. Version 2.0. Now 5.",
            ["It costs 3.5 euros.", "It rose by 1.2.", "Version 2.0.", "Now 5."],
            id="decimals",
        ),
        pytest.param(
            "It changed in 2024. The rule holds since 1 Jan. 2025. Good.",
            ["It changed in 2024.", "The rule holds since 1 Jan. 2025.", "Good."],
            id="years and months",
        ),
        pytest.param(
            "Do so: 1. Empty it. 2. Rinse it.",
            ["Do so: 1. Empty it.", "2. Rinse it."],
            id="enumeration in a line",
        ),
        pytest.param(
            "1. Empty the jar.\n2. Rinse it\n10) Dry it.",
            ["Empty the jar.", "Rinse it", "Dry it."],
            id="numbered list",
        ),
        pytest.param(
            "- Jars\n- Lids stay on\n  and corks do not.\n* Caps. Rings.",
            ["Jars", "Lids stay on and corks do not.", "Caps.", "Rings."],
            id="list items",
        ),
        pytest.param(
            "The label says “Widely recycled.” Some say “Why?” and “Stop.” Then they go.",
            ["The label says “Widely recycled.”", "Some say “Why?” and “Stop.”", "Then they go."],
            id="quotes",
        ),
        pytest.param(
            '"Is it clean?" asks the crew. (It must be.) "Yes."',
            ['"Is it clean?" asks the crew.', "(It must be.)", '"Yes."'],
            id="straight quotes and parentheses",
        ),
        pytest.param(
            "Paper, card... and more. Wait... Then go… now. Well… Yes.",
            ["Paper, card... and more.", "Wait...", "Then go… now.", "Well…", "Yes."],
            id="ellipses",
        ),
        pytest.param(
            "## Where does it go?\nIn the blue box\n\nReally?! Yes!",
            ["Where does it go?", "In the blue box", "Really?!", "Yes!"],
            id="question headings",
        ),
        pytest.param(
            "Sell it. eBay takes it. pH is 7. iPhones too.",
            ["Sell it.", "eBay takes it.", "pH is 7.", "iPhones too."],
            id="words with a small first letter",
        ),
        pytest.param(
            "See www.epa.gov. Or mail a.b@c.org. Use node.js here.",
            ["See www.epa.gov.", "Or mail a.b@c.org.", "Use node.js here."],
            id="addresses",
        ),
        pytest.param(
            "瓶は青い箱へ。紙は別です。", ["瓶は青い箱へ。", "紙は別です。"], id="Japanese"
        ),
        pytest.param(
            "Die Flasche ist leer. Ölflaschen nicht. ¿Dónde va? ¡Aquí!",
            ["Die Flasche ist leer.", "Ölflaschen nicht.", "¿Dónde va?", "¡Aquí!"],
            id="other languages",
        ),
        pytest.param(
            "| Day | Bin |\n|:---|---:|\n| Monday | **Paper** |",
            ["Day; Bin", "Monday; Paper"],
            id="table",
        ),
        pytest.param("A line\nthat wraps at\n20. or so, and goes on.", None, id="wrapped lines"),
    ],
)
def test_text_is_split_into_sentences(text: str, sentences: list[str] | None) -> None:
    expected = [" ".join(text.split())] if sentences is None else sentences
    assert list(split_sentences(text)) == expected


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("**Never** burn *treated* wood, __not__ _once_.", "Never burn treated wood, not once."),
        ("***All*** ~~old~~ new **bold *and* more**.", "All old new bold and more."),
        ("See [the rules](https://a.org/b_(c)) and [more][1].", "See the rules and more."),
        ("An ![empty jar](jar.png) here[^2].", "An empty jar here."),
        ("Run `rinse()` at <https://a.org> &amp; dry.", "Run rinse() at https://a.org & dry."),
        ("H<sub>2</sub>O<br>is <b>wet</b>.", "H2O is wet."),
        (r"Keep \*this\* and 2 \# 3.", "Keep *this* and 2 # 3."),
        (
            "5 * 3 * 2, 5*3*2 and snake_case_name stay.",
            "5 * 3 * 2, 5*3*2 and snake_case_name stay.",
        ),
        ("a < b and b > c, 5 < 6.", "a < b and b > c, 5 < 6."),
        ("> A quoted\n> line.", "A quoted line."),
    ],
)
def test_markdown_marks_are_dropped_and_their_text_kept(marked: str, plain: str) -> None:
    assert split_sentences(marked) == (plain,)


def test_blocks_tell_headings_lists_and_paragraphs_apart() -> None:
    text = (
        "# Jars #\nText\nwraps.\n\nUnder\n-----\n- item\n\n***\n```\n# code\n```\n"
        "[1]: https://a.org\n[^2]: A note.\n#hashtag\n3. third\n#### Deep"
    )
    assert list(blocks(text)) == [
        Block("heading", "Jars", level=1),
        Block("paragraph", "Text wraps."),
        Block("heading", "Under", level=2),
        Block("item", "item", "- "),
        Block("paragraph", "# code"),
        Block("paragraph", "A note. #hashtag 3. third"),
        Block("heading", "Deep", level=4),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("." * 300_000, ". " * 100_000, "*a " * 60_000, "[a](" * 60_000, "<a " * 60_000),
        *("`" * 200_000, "(" * 200_000, "> " * 100_000, "_a" * 90_000, "\\" * 200_000),
        *("word " * 50_000, "#" * 200_000, " " * 200_000 + "a", "- " * 100_000, "|" * 200_000),
    ],
    ids=lambda text: f"{text[:4]!r}",
)
def test_no_text_takes_long_to_split(text: str) -> None:
    before = time.process_time()
    split_sentences(text)
    assert time.process_time() - before < 5


@given(st.text(alphabet=st.characters(codec="utf-8")))
@settings(max_examples=200)
def test_splitting_loses_no_letter_or_digit_of_plain_lines(text: str) -> None:
    # Without the characters that mean something in Markdown, every word has to come out again.
    plain = re.sub(r"[^\w\s.!?…,;:'\"“”()]", "", text)
    plain = re.sub(r"_", "", plain)
    lines = [re.sub(r"^\s*\d+[.)]", "", line) for line in plain.splitlines()]
    words = re.findall(r"\w+", "\n".join(lines))
    assert re.findall(r"\w+", "\n".join(split_sentences("\n".join(lines)))) == words
