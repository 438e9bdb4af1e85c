from __future__ import annotations

import sys

import pytest
from packaging.version import Version
from pip_audit._format import JsonFormat
from pip_audit._service import ResolvedDependency, SkippedDependency, VulnerabilityResult

from tests.security import audit

SAFE = ResolvedDependency("gradio", Version("6.31.0"))
BAD = ResolvedDependency("pillow", Version("1.0"))
HOLE = VulnerabilityResult("PYSEC-1", "It reads too far.", [Version("1.1")], set())
UNFIXED = VulnerabilityResult("PYSEC-2", "It writes too far.", [], set())


def written(result: dict) -> str:
    """Write a result as the pinned pip-audit does."""
    return JsonFormat(output_desc=False, output_aliases=False).format(result, [])


def test_what_was_found_is_listed_with_what_fixes_it() -> None:
    report = audit.read(written({SAFE: [], BAD: [HOLE, UNFIXED]}))
    assert report.checked == 2
    assert report.text.splitlines() == [
        "2 known vulnerabilities in 2 packages (PyPI's advisories)",
        "  pillow 1.0: PYSEC-1, fixed in 1.1",
        "  pillow 1.0: PYSEC-2, fixed in no version yet",
    ]


def test_a_package_that_nobody_knows_is_not_called_safe() -> None:
    unknown = SkippedDependency("ours", "not on PyPI")
    report = audit.read(written({SAFE: [], unknown: []}))
    assert (report.checked, report.skipped) == (1, ("ours",))
    assert "Not looked up: ours" in report.text
    assert audit.read(written({unknown: []})).text == audit.UNREACHABLE


@pytest.mark.parametrize("output", ["", "[]", "{}", "Traceback", '{"dependencies": null}'])
def test_anything_else_means_that_nothing_was_looked_up(output: str) -> None:
    assert audit.read(output).text == audit.UNREACHABLE


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("/no/such/program",), id="not installed"),
        pytest.param((sys.executable, "-c", "import time; time.sleep(60)"), id="too slow"),
        pytest.param((sys.executable, "-c", "raise SystemExit(1)"), id="broken off"),
    ],
)
def test_what_was_found_is_a_report_and_never_a_failure(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "_COMMAND", command)
    assert audit.main(["--limit-s", "0.5"]) == 0
    assert capsys.readouterr().out.strip() == audit.UNREACHABLE
