"""Under which licences what the app is made of may be used."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from components.card_view import labelled_table
from engines.runtime.errors import WeightsCorruptError
from engines.runtime.weights import load_card


@dataclass(frozen=True)
class Work:
    """Name something that came from others, or was made for this project, and its licence.

    Attributes:
        name: as its authors call it.
        use: what the app uses it for.
        licence: SPDX identifier where it has one, else the words of its authors.
    """

    name: str
    use: str
    licence: str


# Weights that run as they are. Source: the model card or licence file in each one's package.
PRETRAINED: tuple[Work, ...] = (
    Work("all-MiniLM-L6-v2", "finds passages, compares things", "Apache-2.0"),
    Work("SmolLM2-135M-Instruct", "writes answers in “Written”", "Apache-2.0"),
    Work("PP-OCR of PaddleOCR, in RapidOCR", "reads text in MaxSight", "Apache-2.0"),
)
OWN: tuple[Work, ...] = (
    Work("Example pictures", "shown on the Waste tab and the tour", "CC0-1.0"),
    Work(
        "Documents, rules, upcycling facts",
        "what answers rest on",
        "written for this project, which has named no licence yet",
    ),
)


def licences_html(checkpoints_dir: Path) -> str:
    """Write the licences of the trained models, of pretrained weights and of the project's own."""
    trained = _trained(checkpoints_dir)
    return (
        "<h4>Trained for this app</h4>"
        + (labelled_table("Licences of the trained models", ("Model", "Licence"), trained))
        + "<p>What each of them was learnt from, with the licence of every collection, stands in "
        "its card below. Only the numbers learnt are shipped, no photo and no recording.</p>"
        "<h4>Used as they are</h4>"
        + labelled_table(
            "Licences of pretrained weights", ("Weights", "Use", "Licence"), _rows(PRETRAINED)
        )
        + "<h4>Our own</h4>"
        + labelled_table(
            "Licences of the project's own material", ("What", "Use", "Licence"), _rows(OWN)
        )
    )


def _rows(works: tuple[Work, ...]) -> list[tuple[str, ...]]:
    return [(escape(work.name), escape(work.use), escape(work.licence)) for work in works]


def _trained(folder: Path) -> list[tuple[str, ...]]:
    """Read each card's licence; a card that can't be read says so among the cards."""
    rows: list[tuple[str, ...]] = []
    for path in sorted(folder.glob("*/card.json")):
        try:
            card = load_card(path.parent)
        except WeightsCorruptError:
            continue
        if card is not None:
            rows.append((escape(card.name), escape(_said(card.raw.get("licence")))))
    return rows


def _said(licence: Any) -> str:
    return str(licence) if licence else "not stated"
