"""Make what the first start of the chat would wait for: `python -m engines.prepare`.

Encodes the documents, as far as their vectors don't come with the app, and unpacks the language
model into the cache folder. What is there already stays, so a second run takes seconds.

    python -m engines.prepare --ship

encodes all documents and the texts of the upcycling graph anew into assets/vectors, and is needed
after any of these was changed.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from engines.llm.model import LanguageModel
from engines.rag.engine import RagEngine
from engines.rag.library import read_library
from engines.runtime.device import Placement, choose_placement, limit_threads
from engines.runtime.errors import ReleafError
from engines.runtime.settings import Settings, load_settings
from engines.upcycle.engine import UpcycleEngine


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 1 if something is missing (said on stderr)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ship", action="store_true", help="encode what comes with the app")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    settings = load_settings()
    limit_threads(settings.cpu_threads)
    placement = choose_placement(settings)
    if arguments.ship:
        return ship(settings, placement)
    failed = False
    for engine in (RagEngine(settings, placement), LanguageModel(settings, placement)):
        start_s = time.perf_counter()
        try:
            engine.load()
        except ReleafError as error:
            print(error, file=sys.stderr)
            failed = True
        else:
            print(f"{engine.name}: ready after {time.perf_counter() - start_s:.0f} s")
        engine.unload()
    return int(failed)


def ship(settings: Settings, placement: Placement) -> int:
    """Write all vectors that come with the app into their folder; return 0."""
    with tempfile.TemporaryDirectory() as folder:
        empty = {"cache_dir": Path(folder), "vectors_dir": Path(folder) / "none"}
        read_library(settings.model_copy(update=empty), placement)
        UpcycleEngine(settings.model_copy(update=empty), placement).load()
        shutil.rmtree(settings.vectors_dir, ignore_errors=True)
        for name in ("rag", "upcycle"):
            shutil.copytree(Path(folder) / name, settings.vectors_dir / name)
    for path in settings.vectors_dir.rglob("*.safetensors"):
        path.chmod(0o644)
    return 0


if __name__ == "__main__":
    sys.exit(main())
