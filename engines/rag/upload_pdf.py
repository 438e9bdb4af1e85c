"""Read the text of a PDF page by page, with bounds on what a hostile file can cost."""

from __future__ import annotations

import io
import re
import time
import unicodedata
from collections.abc import Iterator

import pypdf
from pypdf.errors import DependencyError, LimitReachedError

from engines.rag.upload_text import Limits, as_text, reflow
from engines.runtime.errors import InputError

# What one stream of a PDF may unpack to, and how many operations may draw a page.
MAX_STREAM_BYTES = 20 * 1024 * 1024
MAX_PAGE_OPERATIONS = 1_000_000

_LIGATURE = re.compile("[\ufb00-\ufb06]")
_BULLET = re.compile(r"^[ \t]*[•‣◦▪●○■·\uf0b7\uf0a7][ \t]*", re.MULTILINE)
_HYPHENATED = re.compile(r"(?<=[^\W\d_])-[ \t]*\n[ \t]*(?=[^\W\d_])")


def read_pdf(encoded: bytes, name: str, limits: Limits) -> Iterator[str]:
    """Yield each page that has text, below a heading "## Page N".

    Raises:
        InputError: if the file needs a password, is damaged, has too many pages, unpacks to too
            much or takes too long.
    """
    try:
        with pypdf.apply_configuration(
            zlib_maximum_output_length=MAX_STREAM_BYTES,
            lzw_maximum_output_length=MAX_STREAM_BYTES,
            run_length_maximum_output_length=MAX_STREAM_BYTES,
            array_based_stream_maximum_output_length=MAX_STREAM_BYTES,
            stream_parsing_work_maximum_count=MAX_PAGE_OPERATIONS,
        ):
            texts = _page_texts(encoded, name, limits)
    except InputError:
        raise
    except DependencyError as error:
        # AES needs a further library; only old PDF encryption opens without it.
        raise _locked(name) from error
    except LimitReachedError as error:
        raise InputError(
            f"{name} unpacks to far more than a document holds.",
            "Print it to a new PDF and add that.",
        ) from error
    # Damaged files make the parser fail in every way there is, such as KeyError on a lost object.
    except Exception as error:
        raise InputError(
            f"{name} is damaged or is no PDF.", "Save it again as PDF, then add it."
        ) from error
    for number, text in enumerate(texts, start=1):
        if text.strip():
            yield f"## Page {number}\n\n{_readable(text)}\n"


def _page_texts(encoded: bytes, name: str, limits: Limits) -> list[str]:
    reader = pypdf.PdfReader(io.BytesIO(encoded))
    # Many files are encrypted with an empty password, only to forbid printing.
    if reader.is_encrypted and not reader.decrypt(""):
        raise _locked(name)
    pages = len(reader.pages)
    if pages > limits.max_pages:
        raise InputError(
            f"{name} has {pages:,} pages; at most {limits.max_pages:,} can be read.",
            "Split it, or add only the part you need.",
        )
    give_up_at = time.monotonic() + limits.max_seconds
    texts: list[str] = []
    for page in reader.pages:
        texts.append(page.extract_text())
        if time.monotonic() > give_up_at:
            raise InputError(
                f"{name} takes too long to read.", "Split it, or print it to a new PDF."
            )
    return texts


def _readable(text: str) -> str:
    text = _LIGATURE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    text = _BULLET.sub("- ", text)
    text = reflow("\n".join(as_text(line) for line in text.splitlines()))
    return _HYPHENATED.sub(_join_hyphenated, text)


def _join_hyphenated(found: re.Match[str]) -> str:
    # "recyc-\nling" is one word; before a capital the hyphen belongs there: "Nord-\nPas".
    return "" if found.string[found.end()].islower() else "-"


def _locked(name: str) -> InputError:
    return InputError(
        f"{name} is protected by a password.", "Remove the password, then add it again."
    )
