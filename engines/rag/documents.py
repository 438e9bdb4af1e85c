"""Read the knowledge documents: Markdown with a front matter that says what a file rests on."""

from __future__ import annotations

import datetime
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engines.runtime.errors import InputError
from engines.runtime.yaml_files import StrictLoader, in_words

DocType = Literal["guide", "hazard", "material", "policy", "reuse", "climate", "faq"]
DOC_TYPES: tuple[str, ...] = get_args(DocType)

EVERYWHERE = "all"

_FENCE = "---"
_TITLE_LINE = re.compile(r"#[ \t]+(.+?)[ \t#]*$")

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


@dataclass(frozen=True)
class Source:
    """Name what a document rests on: who published it, which document, which year."""

    authority: str
    document: str
    year: int

    def line(self) -> str:
        """Return the source as it is cited: "Authority: document (year)"."""
        return f"{self.authority}: {self.document} ({self.year})"


@dataclass(frozen=True)
class Document:
    """One document, split from its front matter.

    Attributes:
        id: path below the folder without the ending, such as "hazard/paint".
        doc_type: one of `DOC_TYPES`, or "upload".
        items: ids of things the document covers; may be empty.
        regions: ids of places the document is about, or ("all",).
        reviewed: day of the last review, YYYY-MM-DD; "" for an upload.
        text: the Markdown body without the front matter and the title's own line.
        content_hash: SHA-256 of the whole file, 64 hex digits.
        is_upload: whether a person added it to a conversation.
    """

    id: str
    title: str
    doc_type: str
    topics: tuple[str, ...]
    items: tuple[str, ...]
    regions: tuple[str, ...]
    sources: tuple[Source, ...]
    reviewed: str
    text: str
    content_hash: str
    is_upload: bool


class _Entry(BaseModel):
    """Refuse unknown fields, so a misspelt one is named instead of ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _SourceEntry(_Entry):
    authority: Text
    document: Text
    year: int = Field(ge=1950, le=2100, strict=True)


class _FrontMatter(_Entry):
    title: Text
    doc_type: DocType
    topics: list[Text] = Field(min_length=1)
    items: list[Slug]
    regions: list[Slug] = Field(min_length=1)
    sources: list[_SourceEntry] = Field(min_length=1)
    reviewed: datetime.date

    @field_validator("topics", "items", "regions")
    @classmethod
    def _each_once(cls, values: list[str]) -> list[str]:
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' is there twice")
        return values

    @field_validator("regions")
    @classmethod
    def _all_stands_alone(cls, regions: list[str]) -> list[str]:
        if EVERYWHERE in regions and len(regions) > 1:
            raise ValueError(f"'{EVERYWHERE}' can't stand beside other regions")
        return regions


def load_document(path: Path, root: Path) -> Document:
    """Read and check one Markdown file with front matter.

    Args:
        path: a `.md` file below `root`.
        root: the folder that ids are counted from.

    Raises:
        InputError: if it can't be read, has no front matter, breaks the schema or has no text;
            names the file and the field.
    """
    name = path.relative_to(root).with_suffix("").as_posix()
    try:
        encoded = path.read_bytes()
        content = encoded.decode("utf-8-sig")
    except OSError as error:
        raise _problem(name, f"can't be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise _problem(name, "is not UTF-8 text") from error
    front, body = _split(name, content)
    fields = _check(name, front)
    text = _without_title(name, body, fields.title)
    return Document(
        id=name,
        title=fields.title,
        doc_type=fields.doc_type,
        topics=tuple(fields.topics),
        items=tuple(fields.items),
        regions=tuple(fields.regions),
        sources=tuple(
            Source(source.authority, source.document, source.year) for source in fields.sources
        ),
        reviewed=fields.reviewed.isoformat(),
        text=text,
        content_hash=hashlib.sha256(encoded).hexdigest(),
        is_upload=False,
    )


def load_documents(folder: Path) -> tuple[Document, ...]:
    """Read every `.md` file below a folder, but for a README; sorted by id.

    Raises:
        InputError: if the folder is missing or has no documents, or one of them is wrong; the
            message then names every file that is.
    """
    if not folder.is_dir():
        raise InputError(
            f"There is no documents folder at {folder}.", "Check the setting knowledge_dir."
        )
    documents: list[Document] = []
    problems: list[str] = []
    for path in folder.rglob("*.md"):
        if path.name.lower() == "readme.md":
            continue
        try:
            documents.append(load_document(path, folder))
        except InputError as error:
            problems.append(error.what)
    if problems:
        raise InputError(" ".join(sorted(problems)), "Correct these files.")
    if not documents:
        raise InputError(
            f"There are no documents in {folder}.", "Put Markdown files with front matter there."
        )
    return tuple(sorted(documents, key=lambda document: document.id))


def split_front_matter(content: str) -> tuple[str, str] | None:
    """Split Markdown into the text between its first two `---` lines and what follows them.

    Returns:
        (front matter, body), or None if the text doesn't begin with a front matter.
    """
    lines = content.splitlines(keepends=True)
    if not lines or lines[0].rstrip() != _FENCE:
        return None
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == _FENCE:
            return "".join(lines[1:number]), "".join(lines[number + 1 :])
    return None


def _split(name: str, content: str) -> tuple[str, str]:
    parts = split_front_matter(content)
    if parts is None:
        raise _problem(name, "has no front matter between two '---' lines")
    return parts


def _check(name: str, front: str) -> _FrontMatter:
    try:
        data = yaml.load(front, Loader=StrictLoader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        # The front matter begins on the second line of the file.
        at = "" if where is None else f" at line {where.line + 2}"
        what = getattr(error, "problem", None) or "not readable"
        raise _problem(name, f"front matter is not valid YAML{at} ({what})") from error
    # PyYAML lets a ValueError through for an impossible date such as 2026-13-01.
    except (ValueError, RecursionError) as error:
        raise _problem(name, f"front matter can't be read ({error})") from error
    if not isinstance(data, dict):
        raise _problem(name, "front matter must hold fields such as title and doc_type")
    try:
        return _FrontMatter.model_validate(data)
    except ValidationError as error:
        raise _problem(name, in_words(error)) from error


def _without_title(name: str, body: str, title: str) -> str:
    lines = body.strip().splitlines()
    found = _TITLE_LINE.match(lines[0]) if lines else None
    if found is None:
        raise _problem(name, f"the text must begin with the line '# {title}'")
    if found[1] != title:
        raise _problem(name, f"title is '{title}', but the text's first line is '{lines[0]}'")
    text = "\n".join(line.rstrip() for line in lines[1:]).strip()
    if not text:
        raise _problem(name, "there is no text below the title")
    return text


def _problem(name: str, what: str) -> InputError:
    return InputError(f"Document {name}: {what}.", "Correct the file.")
