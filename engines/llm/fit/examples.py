"""What the language model is taught from: rows of several forms, made into one."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from engines.llm.prompt import FENCE, MAX_TURN_CHARS, MAX_TURNS, SYSTEM, clean

Form = Literal["question", "chat", "instruction", "grounded"]
FORMS: tuple[Form, ...] = get_args(Form)

# What people call the columns, the usual name first.
QUESTION_KEYS = ("question", "query", "prompt")
ANSWER_KEYS = ("answer", "response", "completion")
# What stands before the question in a prompt with passages.
LABEL = "Question: "
USER_ROLES, ASSISTANT_ROLES = ("user", "human"), ("assistant", "gpt", "model", "bot")


class RowError(ValueError):
    """A row that can't be used; the message says why, in words."""


@dataclass(frozen=True)
class Turn:
    """An earlier question and what was answered."""

    question: str
    answer: str


@dataclass(frozen=True)
class Example:
    """One thing to learn, in instruction form.

    Attributes:
        instruction: what is asked.
        input: what it is asked about, such as numbered passages; "" for nothing.
        output: the answer to learn.
        system: standing orders before everything; "" for none.
        history: turns before the instruction, oldest first.
        document: what its facts come from; examples of one document stay in one split. "" for
            unknown, then every example stands alone.
        kind: what sort of example it is, for counting and measuring; "" for none.
        source: where it was read, such as "questions.csv:12".
        split: train, dev or test where the file says so, else "".
    """

    instruction: str
    input: str
    output: str
    system: str = ""
    history: tuple[Turn, ...] = ()
    document: str = ""
    kind: str = ""
    source: str = ""
    split: str = ""
    id: str = field(default="", compare=False)

    @property
    def prompt(self) -> str:
        """The last message of the person: what it is about, then what is asked."""
        return f"{self.input}\n{self.instruction}" if self.input else self.instruction


def form_of(row: Mapping[str, Any]) -> Form:
    """Tell the form of a row by its columns.

    Raises:
        RowError: if it has the columns of no form; the message names those that are missing.
    """
    filled = {key for key, value in row.items() if value not in (None, "")}
    form = _form_of_keys(filled)
    if form is not None:
        return form
    # Columns that are there but empty only count where the others tell nothing.
    keys = {key for key, value in row.items() if value is not None}
    form = _form_of_keys(keys)
    if form is not None:
        return form
    if keys & set(ANSWER_KEYS):
        raise RowError(f"the column {QUESTION_KEYS[0]} is missing")
    found = ", ".join(sorted(keys)) or "nothing"
    raise RowError(
        f"it has the columns {found}, but needs question and answer, or messages, or instruction "
        "and output"
    )


def _form_of_keys(keys: set[str]) -> Form | None:
    if "passages" in keys and "question" in keys:
        return "grounded"
    if "messages" in keys or "conversations" in keys:
        return "chat"
    if "instruction" in keys:
        return "instruction"
    return "question" if keys & set(QUESTION_KEYS) else None


def example_of(row: Mapping[str, Any], *, source: str = "") -> list[Example]:
    """Convert a row of any form; a chat gives one example for each answer in it.

    Raises:
        RowError: if a column is missing or holds something else than text.
    """
    convert: dict[Form, Callable[[Mapping[str, Any]], list[Example]]] = {
        "question": _from_question,
        "chat": _from_chat,
        "instruction": _from_instruction,
        "grounded": _from_grounded,
    }
    about = {name: _label(row.get(name)) for name in ("document", "kind", "split", "id")}
    return [
        Example(
            **{**vars(example), **about, "source": source}  # the fields that all forms share
        )
        for example in convert[form_of(row)](row)
    ]


def _text(row: Mapping[str, Any], names: Sequence[str], *, is_needed: bool = True) -> str:
    is_empty = False
    for name in names:
        value = row.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise RowError(f"the column {name} holds {type(value).__name__}, not text")
        text = unicodedata.normalize("NFC", value).strip()
        if text:
            return text
        is_empty = True
    if is_needed and not is_empty:
        raise RowError(f"the column {names[0]} is missing")
    return ""


def _label(value: object) -> str:
    # A lone surrogate can't be written to a file.
    return "" if value is None else str(value).encode("utf-8", "replace").decode()


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    """Read a column that holds a list, or the JSON text of one as in a cell of a CSV table."""
    value = row.get(name)
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise RowError(f"the column {name} holds no list") from None
    if not value:
        return []
    if not isinstance(value, list):
        raise RowError(f"the column {name} holds no list")
    return value


def _from_question(row: Mapping[str, Any]) -> list[Example]:
    return [
        Example(
            _text(row, QUESTION_KEYS),
            _text(row, ("context", "input"), is_needed=False),
            _text(row, ANSWER_KEYS),
            system=_text(row, ("system",), is_needed=False),
        )
    ]


def _from_instruction(row: Mapping[str, Any]) -> list[Example]:
    return [
        Example(
            _text(row, ("instruction",)),
            _text(row, ("input",), is_needed=False),
            _text(row, ("output", *ANSWER_KEYS)),
            system=_text(row, ("system",), is_needed=False),
        )
    ]


def _from_chat(row: Mapping[str, Any]) -> list[Example]:
    messages = _list(row, "messages") or _list(row, "conversations")
    if not messages:
        raise RowError("the column messages is empty")
    system, turns = _turns(messages)
    return [
        Example(turn.question, "", turn.answer, system=system, history=tuple(turns[:index]))
        for index, turn in enumerate(turns)
    ]


def _turns(messages: Sequence[Any]) -> tuple[str, list[Turn]]:
    """Read {"user", "assistant"} pairs, {"role", "content"} or {"from", "value"} messages."""
    system, question, turns = "", "", []
    for message in messages:
        if not isinstance(message, Mapping):
            raise RowError("a message is not an object with names")
        if "user" in message or "assistant" in message:
            turns.append(Turn(_text(message, ("user",)), _text(message, ("assistant",))))
            continue
        role = _text(message, ("role", "from")).lower()
        content = _text(message, ("content", "value"))
        if role == "system":
            system = content
        elif role in USER_ROLES:
            question = f"{question}\n{content}".strip()
        elif role in ASSISTANT_ROLES:
            if not question:
                raise RowError("an answer comes before any question")
            turns.append(Turn(question, content))
            question = ""
        else:
            raise RowError(f"the role {role} is not known")
    if not turns:
        raise RowError("no message answers another")
    return system, turns


def _from_grounded(row: Mapping[str, Any]) -> list[Example]:
    """Convert numbered passages and a question to just what the chat sends to the model.

    As in `engines.llm.prompt.build_messages`; only the length is left to the checker.
    """
    passages, history = _list(row, "passages"), _list(row, "history")
    if not passages:
        raise RowError("the column passages is empty")
    lines = []
    for number, passage in enumerate(passages, start=1):
        if not isinstance(passage, Mapping):
            raise RowError("a passage is not an object with title and text")
        title, text = _text(passage, ("title",)), _text(passage, ("text",))
        lines.append(f"[{number}] {_unnumbered(clean(title))}: {_unnumbered(clean(text))}")
    turns = []
    for turn in history[-MAX_TURNS:]:
        if not isinstance(turn, Mapping):
            raise RowError("a turn of the history is not an object with question and answer")
        question, answer = clean(_text(turn, ("question",))), clean(_text(turn, ("answer",)))
        turns.append(Turn(question[:MAX_TURN_CHARS], answer[:MAX_TURN_CHARS]))
    question = clean(_text(row, QUESTION_KEYS[:1]))
    return [
        Example(
            f"{LABEL}{question}" if question else "",
            "\n".join(["Passages:", FENCE, *lines, FENCE]),
            _text(row, ANSWER_KEYS),
            system=SYSTEM,
            history=tuple(turns),
        )
    ]


def _unnumbered(text: str) -> str:
    return re.sub(r"\[(\s*\d+\s*)\]", r"(\1)", text)
