"""The app's jobs for programs and assistants that speak Gradio or the Model Context Protocol."""

from __future__ import annotations

import base64
import binascii
import functools
import importlib.util
import inspect
import json
import os
from collections.abc import Callable
from typing import Any, Literal

import gradio as gr
from pydantic import BaseModel, ValidationError

from components.context import AppContext
from engines.api import beside, build_api
from engines.api.jobs import Jobs
from engines.api.models import AskRequest
from engines.api.recommend_models import RecommendRequest
from engines.runtime.errors import InputError, ReleafError

NO_MCP = InputError(
    "The Model Context Protocol needs the package mcp, which is not installed.",
    "Run: pip install 'mcp>=1.21,<2', or set RELEAF_IS_MCP_SERVED=false.",
)
# Said where the photo is not one; it names the form that is wanted.
_NOT_BASE64 = InputError("The photo is not in base64.", "Send the bytes of a JPEG in base64.")


class Programs:
    """The jobs as typed functions; their docstrings are what an assistant reads.

    Args:
        jobs: what is to be done. max_upload_mb: larger photos are refused.
    """

    def __init__(self, jobs: Jobs, max_upload_mb: float) -> None:
        self._jobs, self._max_bytes = jobs, int(max_upload_mb * 1024 * 1024)

    @property
    def all(self) -> tuple[Callable[..., dict[str, Any]], ...]:
        """Every job, by which name it is called."""
        return (
            self.identify_waste,
            self.answer_waste_question,
            self.find_upcycling_projects,
            self.plan_for_photo,
        )

    def identify_waste(self, photo_base64: str, place: str = "generic") -> dict[str, Any]:
        """Tell which piece of waste a photo shows, what it is made of and which bin it goes into.

        Args:
            photo_base64: the bytes of a JPEG, PNG, WebP or HEIC picture in base64
            place: whose rules hold: generic, australia_nsw, canada_bc, france, germany, \
japan_tokyo, netherlands, spain, uk_england, us_california or us_single_stream
        """
        return _told(lambda: self._jobs.classify(self._photo(photo_base64), place))

    def answer_waste_question(
        self, question: str, place: str = "generic", mode: Literal["quoted", "written"] = "quoted"
    ) -> dict[str, Any]:
        """Answer a question on waste, recycling or reuse from documents, with its sources.

        Args:
            question: one question in English
            place: whose rules hold, such as germany; generic for no place
            mode: quoted for the documents' own sentences, written for a language model's
        """
        return _told(lambda: self._jobs.ask(AskRequest(question=question, place=place, mode=mode)))

    def find_upcycling_projects(self, item: str, k: int = 5) -> dict[str, Any]:
        """Find projects to make of a thing, each with steps, tools, time and safety.

        Args:
            item: a thing, such as glass jar
            k: how many projects, 1 to 50
        """
        return _told(lambda: self._jobs.recommend(RecommendRequest(item=item, k=k)))

    def plan_for_photo(
        self, photo_base64: str, place: str = "generic", item: str = ""
    ) -> dict[str, Any]:
        """Tell what a photo shows, how to dispose of it in a place, and what to make of it.

        Args:
            photo_base64: the bytes of a JPEG, PNG, WebP or HEIC picture in base64
            place: whose rules hold, such as germany; generic for no place
            item: what it is if that is known, such as glass_jar; else empty
        """
        return _told(
            lambda: self._jobs.journey(self._photo(photo_base64), place, item.strip() or None)
        )

    def _photo(self, text: str) -> bytes:
        # Four characters of base64 are three bytes; nothing larger is even decoded.
        if len(text) * 3 // 4 > self._max_bytes:
            raise InputError(
                f"The photo has more than {self._max_bytes / 1024:,.0f} KB.", "Send a smaller one."
            )
        try:
            return base64.b64decode(text.partition(",")[2] or text, validate=True)
        except (binascii.Error, ValueError):
            raise _NOT_BASE64 from None


def program_options(app: gr.Blocks, context: AppContext) -> dict[str, Any]:
    """Open a page to programs, as the settings say.

    The jobs become events without components. Where assistants use the app, they get the jobs'
    answers as JSON, and the page's own events, made for a person's eyes and files, are left out of
    their tools; clients can still call all of them by name.

    Who is asking is taken from the connection, unless the settings say that a proxy names the
    clients: the server would else believe X-Forwarded-For from any program on this machine.

    Returns:
        Keyword arguments of `Blocks.launch`.

    Raises:
        InputError: if assistants shall use the app and the package for it is not installed.
    """
    settings = context.settings
    jobs = Jobs(context.pool)
    if settings.is_mcp_served:
        if importlib.util.find_spec("mcp") is None:
            raise NO_MCP
        for event in app.fns.values():
            if event.api_visibility == "public":
                event.api_visibility = "undocumented"
    if not settings.is_behind_proxy:
        # Read by uvicorn when it starts; Gradio hands no such option on.
        os.environ["FORWARDED_ALLOW_IPS"] = ""
    programs = Programs(jobs, settings.max_upload_mb)
    visibility: Literal["public", "undocumented"] = "public"
    if settings.is_mcp_served:
        visibility = "undocumented"
    with app:
        for job in programs.all:
            name = job.__name__
            gr.api(job, api_name=name, api_visibility=visibility, concurrency_limit=None)
            if settings.is_mcp_served:
                gr.api(_as_json(job), api_name=f"{name}_json", concurrency_limit=None)
    options: dict[str, Any] = {"mcp_server": settings.is_mcp_served}
    if settings.is_api_served:
        options["app_kwargs"] = {"lifespan": beside(build_api(context.pool, jobs))}
    return options


def _as_json(job: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """Let a job answer with JSON text; Gradio would write a dict for assistants as Python does."""

    @functools.wraps(job)
    def written(*args: Any, **named: Any) -> str:
        return json.dumps(job(*args, **named), ensure_ascii=False)

    # What assistants are told of the job is read from these.
    written.__annotations__ = {**job.__annotations__, "return": str}
    signature = inspect.signature(job).replace(return_annotation=str)
    written.__signature__ = signature  # type: ignore[attr-defined]
    return written


def _told(job: Callable[[], BaseModel]) -> dict[str, Any]:
    """Do a job; what goes wrong is said in words, without a traceback in the log."""
    try:
        return job().model_dump(mode="json")
    except ReleafError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise gr.Error(f"That doesn't fit: {problems}.", print_exception=False) from error
