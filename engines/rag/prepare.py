"""Make what the first start of the chat would wait for: `python -m engines.rag.prepare`.

Encodes the documents and unpacks the language model into the cache folder. What is there already
stays, so a second run takes seconds.
"""

from __future__ import annotations

import logging
import sys
import time

from engines.llm.model import LanguageModel
from engines.rag.engine import RagEngine
from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.errors import ReleafError
from engines.runtime.settings import load_settings


def main() -> int:
    """Run the command line; return 0, or 1 if something is missing (said on stderr)."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    settings = load_settings()
    limit_threads(settings.cpu_threads)
    placement = choose_placement(settings)
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


if __name__ == "__main__":
    sys.exit(main())
