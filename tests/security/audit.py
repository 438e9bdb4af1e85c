"""Report known vulnerabilities of the installed packages: `make audit`. It never fails a build."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIMIT_S = 120.0
# Asked for first: where even this one is not known, no other needs to be asked for.
PROBE = "gradio"
UNREACHABLE = (
    "Known vulnerabilities were NOT looked up: PyPI's vulnerability service could not be reached "
    "from here. Run make audit where there is a network."
)
_COMMAND = (sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off")


@dataclass(frozen=True)
class Found:
    """One known vulnerability of one package."""

    package: str
    version: str
    id: str
    fixed_in: str


@dataclass(frozen=True)
class Report:
    """What an audit found.

    Attributes:
        checked: packages that the service knows.
        skipped: packages that it could not be asked about.
        found: vulnerabilities, by package.
    """

    checked: int
    skipped: tuple[str, ...]
    found: tuple[Found, ...]

    @property
    def text(self) -> str:
        """The report for a person."""
        if not self.checked:
            return UNREACHABLE
        count = f"{len(self.found)} known vulnerabilities in {self.checked} packages"
        lines = [f"{count} (PyPI's advisories)"]
        lines += [
            f"  {one.package} {one.version}: {one.id}, fixed in {one.fixed_in}"
            for one in self.found
        ]
        if self.skipped:
            lines.append(f"Not looked up: {', '.join(self.skipped)}")
        return "\n".join(lines)


def read(output: str) -> Report:
    """Read what pip-audit printed as JSON; of anything else nothing was checked."""
    try:
        packages: list[dict[str, Any]] = list(json.loads(output)["dependencies"])
    except (ValueError, KeyError, TypeError):
        return Report(0, (), ())
    found = tuple(
        Found(
            package["name"],
            package["version"],
            vulnerability["id"],
            ", ".join(vulnerability["fix_versions"]) or "no version yet",
        )
        for package in packages
        for vulnerability in package.get("vulns", ())
    )
    skipped = tuple(package["name"] for package in packages if "skip_reason" in package)
    return Report(len(packages) - len(skipped), skipped, found)


def ask(arguments: Sequence[str], *, limit_s: float) -> Report:
    """Run pip-audit; what keeps it from its work, or from being there, is no error of ours."""
    try:
        done = subprocess.run(
            [*_COMMAND, *arguments], capture_output=True, text=True, timeout=limit_s
        )
    except (OSError, subprocess.TimeoutExpired):
        return Report(0, (), ())
    return read(done.stdout)


def is_reachable(*, limit_s: float) -> bool:
    """Say whether the service answers at all, by one package that it knows."""
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "requirements.txt"
        pins.write_text(f"{PROBE}=={version(PROBE)}\n", "utf-8")
        one = ["--requirement", str(pins), "--no-deps", "--disable-pip", "--timeout", "5"]
        return ask(one, limit_s=limit_s).checked == 1


def main(arguments: list[str] | None = None) -> int:
    """Print the report; return 0 whatever it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit-s", type=float, default=LIMIT_S, help="seconds for the audit")
    limit_s = parser.parse_args(arguments).limit_s
    if is_reachable(limit_s=min(10.0, limit_s)):
        print(ask(["--local", "--timeout", "10"], limit_s=limit_s).text)
    else:
        print(UNREACHABLE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
