"""Rows of every form become the same kind of example, and what they lack is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.llm.fit.examples import Example, Form, RowError, Turn, example_of, form_of
from engines.llm.fit.templates import messages_of
from engines.llm.prompt import FENCE, SYSTEM, Exchange, Passage, build_messages

VAPE = {"title": "Dead vapes", "text": "Never bin a vape.\nIts battery can catch fire."}
PAIR = [{"role": "user", "content": "Jar?"}, {"role": "assistant", "content": "Glass bank."}]

FORMS: list[Any] = [
    pytest.param(
        {"question": " Jar? ", "answer": "Glass bank."},
        "question",
        [Example("Jar?", "", "Glass bank.")],
        id="question and answer",
    ),
    pytest.param(
        {"prompt": "Jar?", "completion": "Glass bank.", "context": "Jars are glass."},
        "question",
        [Example("Jar?", "Jars are glass.", "Glass bank.")],
        id="other names and a context",
    ),
    pytest.param(
        {"instruction": "Sort it.", "input": "a jar", "output": "Glass bank.", "system": "Brief."},
        "instruction",
        [Example("Sort it.", "a jar", "Glass bank.", system="Brief.")],
        id="instruction",
    ),
    pytest.param(
        {"instruction": "Sort a jar.", "output": "Glass bank."},
        "instruction",
        [Example("Sort a jar.", "", "Glass bank.")],
        id="instruction without input",
    ),
    pytest.param(
        {"messages": [{"user": "Jar?", "assistant": "Glass bank."}]},
        "chat",
        [Example("Jar?", "", "Glass bank.")],
        id="chat of pairs",
    ),
    pytest.param(
        {"messages": [{"role": "system", "content": "Brief."}, *PAIR]},
        "chat",
        [Example("Jar?", "", "Glass bank.", system="Brief.")],
        id="chat of roles",
    ),
    pytest.param(
        {"conversations": [{"from": "human", "value": "Jar?"}, {"from": "gpt", "value": "Bank."}]},
        "chat",
        [Example("Jar?", "", "Bank.")],
        id="chat of senders",
    ),
    pytest.param(
        {"messages": None, "conversations": PAIR},
        "chat",
        [Example("Jar?", "", "Glass bank.")],
        id="chat under its second name",
    ),
    pytest.param(
        {"messages": json.dumps(PAIR)},
        "chat",
        [Example("Jar?", "", "Glass bank.")],
        id="chat in a cell of a table",
    ),
    pytest.param(
        {"messages": [*PAIR, {"role": "user", "content": "And"}, *PAIR]},
        "chat",
        [
            Example("Jar?", "", "Glass bank."),
            Example("And\nJar?", "", "Glass bank.", history=(Turn("Jar?", "Glass bank."),)),
        ],
        id="a chat of two answers, two messages before the second",
    ),
    pytest.param(
        {"question": "Vape?", "answer": "No. [1]", "passages": [VAPE]},
        "grounded",
        [
            Example(
                "Question: Vape?",
                f"Passages:\n{FENCE}\n[1] Dead vapes: Never bin a vape. Its battery can catch "
                f"fire.\n{FENCE}",
                "No. [1]",
                system=SYSTEM,
            )
        ],
        id="passages",
    ),
    pytest.param(
        {"question": "", "answer": "", "instruction": "Sort a jar.", "output": "Glass bank."},
        "instruction",
        [Example("Sort a jar.", "", "Glass bank.")],
        id="empty columns of another form",
    ),
    pytest.param(
        {"question": "Jar?", "answer": ""},
        "question",
        [Example("Jar?", "", "")],
        id="an empty answer, which the checker counts",
    ),
]


@pytest.mark.parametrize(("row", "form", "examples"), FORMS)
def test_every_form_is_told_and_converted(
    row: dict[str, Any], form: Form, examples: list[Example]
) -> None:
    assert form_of(row) == form
    assert example_of(row) == examples


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param({"question": "Jar?"}, "column answer is missing", id="no answer"),
        pytest.param({"answer": "Bank."}, "column question is missing", id="no question"),
        pytest.param({"instruction": "Sort."}, "column output is missing", id="no output"),
        pytest.param({"text": "a"}, "columns text, but needs question", id="unknown columns"),
        pytest.param({}, "columns nothing, but needs", id="nothing"),
        pytest.param({"question": 5, "answer": "a"}, "question holds int, not text", id="number"),
        pytest.param({"question": "a", "answer": ["b"]}, "answer holds list", id="list"),
        pytest.param({"messages": "hello"}, "messages holds no list", id="text for messages"),
        pytest.param({"messages": {"user": "a"}}, "messages holds no list", id="one object"),
        pytest.param({"messages": []}, "messages is empty", id="no messages"),
        pytest.param({"messages": ["a"]}, "message is not an object", id="message of text"),
        pytest.param({"messages": [{"user": "a"}]}, "assistant is missing", id="half a pair"),
        pytest.param({"messages": PAIR[:1]}, "no message answers", id="only a question"),
        pytest.param({"messages": PAIR[1:]}, "before any question", id="answer first"),
        pytest.param(
            {"messages": [{"role": "tool", "content": "a"}]}, "role tool is not known", id="role"
        ),
        pytest.param({"messages": [{"role": "user"}]}, "content is missing", id="no content"),
        pytest.param(
            {"question": "a", "answer": "b", "passages": []}, "passages is empty", id="no passage"
        ),
        pytest.param(
            {"question": "a", "answer": "b", "passages": ["c"]}, "passage is not", id="plain text"
        ),
        pytest.param(
            {"question": "a", "answer": "b", "passages": [{"text": "c"}]},
            "column title is missing",
            id="passage without title",
        ),
        pytest.param(
            {"question": "a", "answer": "b", "passages": [VAPE], "history": ["c"]},
            "turn of the history",
            id="history of text",
        ),
    ],
)
def test_what_a_row_lacks_is_named(row: dict[str, Any], message: str) -> None:
    with pytest.raises(RowError, match=message):
        example_of(row)


def test_an_example_keeps_where_it_comes_from() -> None:
    row = {"question": "a", "answer": "b", "document": 0, "kind": "hazard", "split": "dev", "id": 7}
    (example,) = example_of(row, source="rows.csv:3")
    assert (example.document, example.kind, example.split) == ("0", "hazard", "dev")
    assert (example.id, example.source) == ("7", "rows.csv:3")


def test_letters_in_parts_are_joined() -> None:
    (example,) = example_of({"question": "De\u0301che\u0300terie?", "answer": "Oui."})
    assert example.instruction == "Déchèterie?"


def test_the_prompt_names_the_input_before_the_instruction() -> None:
    assert Example("Sort it.", "a jar", "").prompt == "a jar\nSort it."
    assert Example("Sort it.", "", "").prompt == "Sort it."


# What stands in documents and questions, and what an attacker would put there.
PIECES = st.one_of(
    st.sampled_from(["jar", "déchèterie", "缶", "🔋", "[2]", "[ 13 ]", FENCE, '""', "\n", "- "]),
    st.sampled_from(["<|im_end|>", "<|im_start|>system", "<s>", "[INST]", "<|im_<|x|>end|>"]),
    st.sampled_from(["\u200b", "\x07", "\t", "  ", ":"]),
)
TEXTS = st.lists(PIECES, max_size=12).map(lambda pieces: "a " + " ".join(pieces))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    question=TEXTS,
    passages=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4),
    history=st.lists(st.tuples(TEXTS, TEXTS.map(lambda text: text * 9)), max_size=4),
)
def test_passages_are_learned_from_in_the_very_words_of_the_chat(
    tokenizer: Any,
    question: str,
    passages: list[tuple[str, str]],
    history: list[tuple[str, str]],
) -> None:
    row = {
        "question": question,
        "answer": "The documents do not answer this.",
        "passages": [{"title": title, "text": text} for title, text in passages],
        "history": [{"question": asked, "answer": said} for asked, said in history],
    }
    (example,) = example_of(row)
    assert messages_of(example) == build_messages(
        question,
        [Passage(n, title, text) for n, (title, text) in enumerate(passages, start=1)],
        history=[Exchange(asked, said) for asked, said in history],
        tokenizer=tokenizer,
        token_budget=100_000,
    )
