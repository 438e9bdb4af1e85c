"""Start the app: settings, engines, page. The page answers first, engines load after."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, cast

from engines.runtime.errors import InputError
from engines.runtime.port import is_port_free
from engines.runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from engines.runtime.pool import Engine, EnginePool

# Name, module and class of each engine; those not built yet are left out.
ENGINES = (
    ("waste", "engines.waste.engine", "WasteEngine"),
    ("rag", "engines.rag.engine", "RagEngine"),
    ("llm", "engines.llm.model", "LanguageModel"),
    ("upcycle", "engines.upcycle.engine", "UpcycleEngine"),
    ("maxsight", "engines.maxsight.pipeline", "MaxSightPipeline"),
    ("maxsight-sound", "engines.maxsight.sound_runner", "SoundRunner"),
)


def main() -> int:
    """Run until Ctrl-C or SIGTERM; return the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = load_settings()
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    # The port is tried before everything that takes seconds.
    if not is_port_free(settings.host, settings.port):
        return _port_in_use(settings)
    _stay_offline(settings)
    # Gradio reads the environment when it is imported, so it comes after.
    from components.context import AppContext
    from components.programs import program_options
    from components.shell import TITLE, build_app, launch_options
    from engines.runtime.device import keep_freed_memory
    from engines.runtime.lane import CpuLane
    from engines.runtime.pool import EnginePool

    keep_freed_memory()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    lane = CpuLane.from_settings(settings)
    context = AppContext(settings=settings, pool=_register(EnginePool(settings, lane)))
    app = build_app(context)
    try:
        options = launch_options(context) | program_options(app, context)
        app.launch(prevent_thread_lock=True, **options)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError:
        return _port_in_use(settings)
    print(f"{TITLE} is open at {app.local_url} (Ctrl-C ends it)", flush=True)
    context.pool.preload(context.pool.names)
    stop.wait()
    lane.close()
    app.close(verbose=False)
    # An engine may still be loading: native code that runs on while Python is taken down can crash.
    os._exit(0)


def _port_in_use(settings: Settings) -> int:
    print(f"Port {settings.port} is in use. Set RELEAF_PORT to another.", file=sys.stderr)
    return 1


def _stay_offline(settings: Settings) -> None:
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1")
    if not settings.is_hub_allowed:
        os.environ["HF_HUB_OFFLINE"] = "1"


def _register(pool: EnginePool) -> EnginePool:
    for name, module, class_name in ENGINES:
        if importlib.util.find_spec(module) is not None:
            pool.register(name, partial(_build, pool, module, class_name))
    return pool


def _build(pool: EnginePool, module: str, class_name: str) -> Engine:
    # The import waits until the engine is needed: timm and its kin take seconds.
    engine_class = getattr(importlib.import_module(module), class_name)
    # MaxSight asks for the lane itself: its first pass goes before all other jobs.
    from_settings = getattr(engine_class, "from_settings", None)
    if from_settings is not None:
        return cast("Engine", from_settings(pool.settings, pool.placement, pool.lane))
    return cast("Engine", engine_class(pool.settings, pool.placement))


if __name__ == "__main__":
    sys.exit(main())
