"""The app with MaxSight's two engines: a Stage A that sees paint, and the shipped ears."""

from __future__ import annotations

import os
import signal
import threading
import time

from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.sound_runner import SoundRunner
from engines.runtime.gate import StageGate
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import load_settings
from tests.browser.paint import PaintStageA


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
        lambda: MaxSightPipeline(PaintStageA(), None, gate, time.perf_counter, lane),
    )
    pool.register("maxsight-sound", lambda: SoundRunner(settings, pool.placement))
    app = build_app(AppContext(settings=settings, pool=pool))
    app.launch(prevent_thread_lock=True, **launch_options(AppContext(settings, pool)))
    pool.preload(pool.names)
    stop.wait()
    lane.close()
    app.close(verbose=False)


if __name__ == "__main__":
    main()
