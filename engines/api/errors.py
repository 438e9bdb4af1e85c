"""Every error of the API in one shape: {"error": {"code", "what", "do", "fields"}}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from engines.runtime.errors import (
    BusyError,
    EngineUnavailableError,
    InputError,
    ReleafError,
    WeightsCorruptError,
    WeightsMissingError,
)

Code = Literal[
    "bad_request",
    "unauthorized",
    "origin_refused",
    "not_found",
    "method_not_allowed",
    "too_slow",
    "too_large",
    "invalid_request",
    "unusable_input",
    "too_many_requests",
    "internal",
    "busy",
    "engine_unavailable",
    "timeout",
]
# HTTP Semantics, RFC 9110, section 15; 429 is RFC 6585.
STATUS: dict[Code, int] = {
    "bad_request": 400,
    "unauthorized": 401,
    "origin_refused": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_slow": 408,
    "too_large": 413,
    "invalid_request": 422,
    "unusable_input": 422,
    "too_many_requests": 429,
    "internal": 500,
    "busy": 503,
    "engine_unavailable": 503,
    "timeout": 504,
}
RETRY_AFTER_S = 5
DOCS = "See /docs for what this API offers."

# What the web framework reports by its status alone.
_OF_STATUS: dict[int, tuple[Code, str, str]] = {
    400: ("bad_request", "The request can't be read.", DOCS),
    404: ("not_found", "There is nothing at this address.", DOCS),
    405: ("method_not_allowed", "This address doesn't take that method.", DOCS),
}


class FieldProblem(BaseModel):
    """Name a field of the request and what is wrong with it."""

    name: str = Field(description="Path of the field; empty for the request as a whole.")
    problem: str


class ErrorBody(BaseModel):
    """Say what is wrong and what to do, for programs and for people."""

    code: Code
    what: str = Field(description="What is wrong, one sentence.")
    do: str = Field(description="What to do about it, one sentence.")
    fields: list[FieldProblem] = Field(description="Fields that don't fit; often empty.")


class ErrorReply(BaseModel):
    """The one shape of all errors."""

    error: ErrorBody


class ApiError(HTTPException):
    """Refuse a request with a code. The framework lets it pass wherever it is raised."""

    def __init__(
        self, code: Code, what: str, do: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(STATUS[code], what, dict(headers or {}))
        self.code, self.what, self.do = code, what, do


def error_reply(
    code: Code,
    what: str,
    do: str,
    *,
    fields: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Make the response of an error."""
    body = ErrorBody(code=code, what=what, do=do, fields=list(fields))
    return JSONResponse(
        ErrorReply(error=body).model_dump(), status_code=STATUS[code], headers=dict(headers or {})
    )


def refusal(error: ApiError) -> JSONResponse:
    """Make the response of a refusal."""
    return error_reply(error.code, error.what, error.do, headers=error.headers)


def code_of(error: ReleafError) -> Code:
    """Choose the code of an engine's error."""
    if isinstance(error, InputError):
        return "unusable_input"
    if isinstance(error, BusyError):
        return "busy"
    if isinstance(error, (EngineUnavailableError, WeightsMissingError, WeightsCorruptError)):
        return "engine_unavailable"
    return "internal"


def in_shape(error: BaseException) -> ErrorReply:
    """Put any error into the one shape; one that nobody foresaw tells nothing of the inside."""
    fields: list[FieldProblem] = []
    if isinstance(error, ApiError):
        code, what, do = error.code, error.what, error.do
    elif isinstance(error, ReleafError):
        code, what, do = code_of(error), error.what, error.do
    else:
        code, what, do = "internal", "Something broke off unexpectedly.", "Try again later."
    return ErrorReply(error=ErrorBody(code=code, what=what, do=do, fields=fields))


def add_error_handlers(app: FastAPI) -> None:
    """Let every error of an app leave it in the one shape."""

    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = [_field_problem(problem) for problem in error.errors()]
        names = ", ".join(dict.fromkeys(field.name or "the body" for field in fields))
        return error_reply(
            "invalid_request",
            f"The request doesn't fit: {names}.",
            "Correct what the fields name and send it again; /docs describes them.",
            fields=fields,
        )

    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error, ApiError):
            return refusal(error)
        code, what, do = _OF_STATUS.get(error.status_code, _OF_STATUS[400])
        return error_reply(code, what, do, headers=error.headers)

    async def engine(request: Request, error: ReleafError) -> JSONResponse:
        code = code_of(error)
        headers = {"Retry-After": str(RETRY_AFTER_S)} if STATUS[code] == 503 else None
        return error_reply(code, error.what, error.do, headers=headers)

    async def broken(request: Request, error: Exception) -> JSONResponse:
        # The server logs it: the framework raises it again once this is sent.
        body = in_shape(error).error
        return error_reply(body.code, body.what, body.do)

    handlers: dict[Any, Any] = {
        RequestValidationError: invalid,
        HTTPException: refused,
        ReleafError: engine,
        Exception: broken,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def error_responses(*, is_reply_json: bool = True) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of an address, for the OpenAPI document.

    Args:
        is_reply_json: whether its other reply is JSON; else the framework would describe the
            errors as of that reply's type, and they are written out here.
    """
    codes: dict[int, list[str]] = {}
    for code, status in STATUS.items():
        codes.setdefault(status, []).append(code)
    reference = {"$ref": f"#/components/schemas/{ErrorReply.__name__}"}
    shape: dict[str, Any] = (
        {"model": ErrorReply}
        if is_reply_json
        else {"content": {"application/json": {"schema": reference}}}
    )
    return {
        status: shape | {"description": " or ".join(names).replace("_", " ")}
        for status, names in sorted(codes.items())
    }


def _field_problem(problem: Mapping[str, Any]) -> FieldProblem:
    where, *path = (str(part) for part in problem["loc"])
    is_json = problem["type"] == "json_invalid"
    name = "" if is_json else ".".join(path) or ("" if where == "body" else where)
    text = "It is no valid JSON" if is_json else str(problem["msg"])
    return FieldProblem(name=name, problem=text.rstrip(".") + ".")
