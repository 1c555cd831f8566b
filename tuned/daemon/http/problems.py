"""Errors as `application/problem+json` (RFC 9457) with `detail`, `hint` and `where`.

Owns which error becomes which status. A refusal by the operating system is a 503 that names the file; a bug becomes a
500 that names the log, and its traceback stays there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tuned import protocol
from tuned.core.errors import Conflict, InvalidInput, NotFound, TunedError, Unavailable
from tuned.core.names import nearest
from tuned.daemon.http import bounds

log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[TunedError], int], ...] = (
    (InvalidInput, 400),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
)

MOST_QUOTED = 60
_UNKNOWN_KEY = "unexpected_keyword_argument"
_TOP = len(("body", "key"))
_BOUNDS = {
    "greater_than_equal": ("is too small", "give {ge} or more"),
    "greater_than": ("is too small", "give more than {gt}"),
    "less_than_equal": ("is too large", "give {le} or less"),
    "less_than": ("is too large", "give less than {lt}"),
    "string_too_long": ("is too long", "give at most {max_length} characters"),
    "string_too_short": ("is too short", "give at least {min_length} characters"),
    "too_long": ("has too many", "give at most {max_length}"),
    "int_parsing": ("is no whole number", "give a whole number"),
    "float_parsing": ("is no number", "give a number"),
    "bool_parsing": ("is neither", "give true or false"),
    "missing": ("is missing", "give it"),
    "finite_number": ("is not finite", "give a finite number"),
}
"""Kind of a bound -> the fault of a value beyond it, and the remedy."""

_PROBLEM = {
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "properties": {
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "hint": {"type": ["string", "null"]},
                    "where": {"type": ["string", "null"]},
                },
                "required": ["title", "status", "detail"],
            }
        }
    }
}

RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "What was given is wrong; nothing has changed", **_PROBLEM},
    404: {"description": "There is no such study or trial", **_PROBLEM},
    409: {"description": "The present state does not allow it", **_PROBLEM},
    503: {"description": "Something that is needed cannot be used now", **_PROBLEM},
}


def _problem(status: int, title: str, detail: str, hint: str | None = None, where: str | None = None) -> JSONResponse:
    return JSONResponse(
        {"title": title, "status": status, "detail": detail, "hint": hint, "where": where},
        status_code=status,
        media_type="application/problem+json",
    )


async def _tuned_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TunedError)
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    return _problem(status, type(error).__name__, error.what, error.hint, error.where)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # A key that is missing may be the one that was mistyped.
    first = min(error.errors(), key=lambda found: found["type"] != _UNKNOWN_KEY)
    # Where in a request it stood (`query`, `path`) says nothing to those who typed an option or a target.
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    if first["type"] == _UNKNOWN_KEY:
        return _problem(400, "InvalidInput", "is not a known key", _nearest_key(request, first["loc"]), where)
    return _problem(400, "InvalidInput", *_said(first), where)


def _nearest_key(request: Request, place: Sequence[str | int]) -> str:
    """The key that the last one of a place in a body may have meant."""
    shape = request.scope["route"].body_field.field_info.annotation
    return nearest(place[-1], [field.name for field in fields(shape)]) if len(place) == _TOP else "see /openapi.json"


def _said(error: dict[str, Any]) -> tuple[str, str]:
    """The fault of a value, and what works in its place."""
    limits = {
        name: int(n) if isinstance(n, float) and n == int(n) else n for name, n in (error.get("ctx") or {}).items()
    }
    form = _BOUNDS.get(str(error["type"]))
    if form is None:
        return str(error["msg"]).replace("Input should be", "should be"), "see /openapi.json"
    fault, remedy = form
    # A missing key has no value: pydantic tells that of the whole.
    given = "" if error["type"] == "missing" else f"{_short(error.get('input'))} "
    return f"{given}{fault}", remedy.format(**limits)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MOST_QUOTED else "this text" if isinstance(value, str) else "this"


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    hint = bounds.IN_PARTS if error.status_code == 413 else "see /openapi.json"
    response = _problem(error.status_code, "HTTP", str(error.detail), hint)
    response.headers.update(error.headers or {})
    return response


async def _system(request: Request, error: Exception) -> JSONResponse:
    """A refusal by the operating system is the file's fault, or the machine's, and no bug."""
    assert isinstance(error, OSError)
    if error.errno in protocol.SCARCE:
        log.warning("%s %s failed: %s", request.method, request.url.path, error)
        where = None if error.filename is None else os.fsdecode(error.filename)
        return _problem(503, "Unavailable", error.strerror or str(error), protocol.WHEN_SCARCE, where)
    if not error.strerror or error.filename is None:
        return await _bug(request, error)
    log.warning("%s %s failed: %s", request.method, request.url.path, error)
    return _problem(
        503, "Unavailable", error.strerror, "see its mode, its owner and the disk", os.fsdecode(error.filename)
    )


async def _bug(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _problem(500, "Bug", f"this is a bug in tuned: {type(error).__name__}", "see tunectl daemon logs")


def install(api: FastAPI) -> None:
    """Have the application answer every error as a problem."""
    api.add_exception_handler(TunedError, _tuned_error)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(OSError, _system)
    api.add_exception_handler(Exception, _bug)
