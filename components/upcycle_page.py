"""One project as a page of its own, to save: no script, nothing from other machines."""

from __future__ import annotations

import re
import tempfile
from html import escape
from pathlib import Path

from components.upcycle_project import PATHS_SHOWN, project_body
from engines.upcycle.explain import Explanation
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.safety import Verdict
from engines.upcycle.schema import ProjectRecord

_STYLE = """
:root { color-scheme: light dark; }
body { max-width: 44em; margin: 2em auto; padding: 0 1em; font: 17px/1.5 system-ui, sans-serif; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: 4px 16px 4px 0; text-align: left; vertical-align: top; font-weight: 400; }
th { min-width: 8em; }
svg { vertical-align: middle; }
.project-warning { border: 2px solid; border-radius: 8px; padding: 4px 16px; }
@media print { body { margin: 0; } }
"""


def page_html(
    knowledge: Knowledge,
    thing: str,
    project: ProjectRecord,
    verdict: Verdict,
    explanation: Explanation | None,
) -> str:
    """Write the whole page; the reason stands there once it has been found."""
    reason = ""
    if explanation is not None and explanation.paths:
        rows = "".join(f"<li>{escape(p.sentence)}</li>" for p in explanation.paths[:PATHS_SHOWN])
        reason = f"<h3>Why it was suggested</h3><ul>{rows}</ul><p>{escape(explanation.caveat)}</p>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(project.name)}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(project.name)}</h1>{project_body(knowledge, thing, project, verdict)}"
        f"{reason}</main></body></html>\n"
    )


def save_page(page: str, project: ProjectRecord) -> str:
    """Write a page to a file of its own and return its path; raises OSError."""
    name = re.sub(r"[^a-z0-9]+", "-", project.name.lower()).strip("-") or "project"
    path = Path(tempfile.mkdtemp(prefix="releaf-")) / f"{name}.html"
    path.write_text(page, encoding="utf-8")
    return str(path)
