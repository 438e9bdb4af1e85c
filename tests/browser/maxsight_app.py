"""The app with MaxSight alone, whose Stage A sees painted rectangles instead of a street.

Stage B, which has time enough here, and the ears are those of the app.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.sound_runner import SoundRunner
from engines.maxsight.stage_b import ContextPass
from engines.runtime.gate import StageGate
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import load_settings
from tests.browser.paint import PaintStageA

# A machine that runs tests may be slow, and what is late is thrown away.
DEADLINE_MS = 5000.0


def main() -> None:
    """Run until SIGTERM."""
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1")
    # Gradio reads the environment when it is imported.
    from components.context import AppContext
    from components.shell import build_app, launch_options

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    settings = load_settings()
    lane = CpuLane.from_settings(settings)
    pool = EnginePool(settings, lane)
    gate = StageGate(settings.gate_max_latency_ms, settings.gate_max_uncertainty)
    pool.register(
        "maxsight",
        lambda: MaxSightPipeline(
            PaintStageA(), ContextPass(), gate, time.perf_counter, lane, deadline_ms=DEADLINE_MS
        ),
    )
    pool.register("maxsight-sound", lambda: SoundRunner(settings, pool.placement))
    context = AppContext(settings=settings, pool=pool)
    app = build_app(context)
    app.launch(prevent_thread_lock=True, **launch_options(context))
    pool.preload(pool.names)
    stop.wait()
    lane.close()
    app.close(verbose=False)
    # As app.py ends: a thread that still waits for a visitor who left keeps no process alive.
    os._exit(0)


if __name__ == "__main__":
    main()
