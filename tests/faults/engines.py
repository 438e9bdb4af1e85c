"""The app's engines with what a test needs of each: a call with a known answer, and weak spots."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from engines.llm.generate import stream
from engines.maxsight.context_worker import ContextBox
from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.stage_a_runner import StageARunner
from engines.rag.session import ChatSession
from engines.runtime.gate import StageGate
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.waste.images import open_picture

# One long-held tone: nothing that the network has a name for need be in it.
SOUND = np.sin(np.arange(32_000) * (2 * np.pi * 440 / 16_000)).astype(np.float32) / 4


@dataclass(frozen=True)
class Subject:
    """One engine under test.

    Attributes:
        name: in the pool.
        module, class_name: the real engine.
        call: asks the loaded engine for something; the answer is the same every time.
        loads_with: "module.function" that its `load` uses on the way.
        computes_with: finds the object and its method in which the engine computes.
    """

    name: str
    module: str
    class_name: str
    call: Callable[[EnginePool], Any]
    loads_with: str
    computes_with: Callable[[Any], tuple[Any, str]]

    def register(self, pool: EnginePool) -> None:
        """Make the engine known to a pool, as the app does, but MaxSight without its context."""
        pool.register(self.name, partial(self._build, pool))

    def _build(self, pool: EnginePool) -> Any:
        if self.name == "maxsight":
            eyes = StageARunner(pool.settings, pool.placement)
            return MaxSightPipeline(eyes, None, StageGate(1e9, 1.0), lambda: 0.0, pool.lane)
        engine_class = getattr(importlib.import_module(self.module), self.class_name)
        return engine_class(pool.settings, pool.placement)


def photo() -> Image.Image:
    """Return an example photo that shows a glass bottle."""
    path = Settings().examples_dir / "glass_bottle_wine.jpg"
    return open_picture(path, max_pixels=50_000_000)


def _classify(pool: EnginePool) -> Any:
    return pool.run("waste", lambda engine: engine.classify(photo())).item.id


def _quote(pool: EnginePool) -> Any:
    def job(engine: Any) -> str:
        return str(engine.quote(engine.find("Where does a glass jar go?", ChatSession())).text)

    return pool.run("rag", job)


def _write(pool: EnginePool) -> Any:
    def job(engine: Any) -> str:
        asked = [{"role": "user", "content": "What is glass made of?"}]
        return "".join(stream(engine, asked, run=lambda step: step(), max_new_tokens=2))

    return pool.run("llm", job)


def _recommend(pool: EnginePool) -> Any:
    def job(engine: Any) -> list[str]:
        found = engine.recommend(engine.link("glass jar"), k=3)
        return [entry.project.id for entry in found.best]

    return pool.run("upcycle", job)


def _look(pool: EnginePool) -> Any:
    def job(engine: Any) -> tuple[Any, ...]:
        frame = np.asarray(photo(), np.uint8)
        seen = engine.step(frame, frame_id=1, captured_s=0.0, box=ContextBox())
        return seen.tier1.frame_size, seen.tier1.objects, seen.tier1.urgency

    return pool.run("maxsight", job)


def _listen(pool: EnginePool) -> Any:
    return pool.run("maxsight-sound", lambda engine: engine.probabilities(SOUND)).tolist()


SUBJECTS = (
    Subject(
        "waste", "engines.waste.engine", "WasteEngine", _classify,
        "engines.waste.engine.load_tensors",
        lambda engine: (engine, "_logits"),
    ),
    Subject(
        "rag", "engines.rag.engine", "RagEngine", _quote,
        "engines.rag.library.open_store",
        lambda engine: (engine._ready().encoder, "encode_queries"),
    ),
    Subject(
        "llm", "engines.llm.model", "LanguageModel", _write,
        "engines.llm.source.find_weights",
        lambda engine: (engine.loaded().decoder, "begin"),
    ),
    Subject(
        "upcycle", "engines.upcycle.engine", "UpcycleEngine", _recommend,
        "engines.upcycle.loading.graph_data",
        lambda engine: (engine._ready().linker, "link"),
    ),
    Subject(
        "maxsight", "engines.maxsight.pipeline", "MaxSightPipeline", _look,
        "engines.maxsight.stage_a_runner.OnnxNetwork",
        lambda engine: (engine._stage_a._ready().network.session, "run"),
    ),
    Subject(
        "maxsight-sound", "engines.maxsight.sound_runner", "SoundRunner", _listen,
        "engines.maxsight.sound_runner.load_tensors",
        lambda engine: (engine._ready().network, "forward"),
    ),
)  # fmt: skip
