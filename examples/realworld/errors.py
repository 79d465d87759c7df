"""Every error in the API's own envelope: `{"errors": {"body": ["title can't be blank"], "title": ["can't be blank"]}}`.

Law: `body` says all of it in words, and each field that is wrong has an entry with what is wrong with it. A failure of
the app's own says nothing; the log has its traceback.
"""

from typing import Any

import msgspec
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from hinge import App, HTTPError, JSONResponse, Request

BLANK = "can't be blank"
TAKEN = "has already been taken"
_BLANK = ("is required", "must have at least 1 character", r"must match the pattern \S")
"""What Hinge says of a text that is missing, empty, or nothing but spaces."""


class Envelope(msgspec.Struct):
    """What every error is answered with."""

    errors: dict[str, list[str]]


class RefusedError(HTTPError):
    """An error that says of fields what is wrong with them: `RefusedError(404, article="not found")`."""

    def __init__(self, status: int, **fields: str) -> None:
        super().__init__(status, headers={"www-authenticate": 'Token realm="api"'} if status == 401 else None)
        self.fields = {name: [message] for name, message in fields.items()}


def enveloped(fields: dict[str, list[str]]) -> Envelope:
    told = [f"{name} {message}" for name, messages in fields.items() if name != "body" for message in messages]
    return Envelope({**fields, "body": fields.get("body", []) + told})


def on_refused(request: Request, error: RefusedError) -> Envelope:
    return enveloped(error.fields)


def on_http_error(request: Request, error: HTTPError) -> Envelope:
    """Translate what Hinge refuses: a 422 with its places, and what has no fields."""
    if error.status == 401:
        return enveloped({"token": ["is invalid" if request.headers.get("authorization") else "is missing"]})
    fields: dict[str, list[str]] = {}
    for fault in error.extensions.get("errors", ()):
        message = BLANK if fault["message"] in _BLANK else fault["message"]
        fields.setdefault(_field(fault), []).append(message)
    return enveloped(fields or {"body": [error.detail or error.title]})


def on_unfit(request: Request, error: Exception) -> JSONResponse:
    """Answer what the database refuses: what another request took or deleted meanwhile, a NUL in a text."""
    message = "cannot be stored" if isinstance(error, DataError) else "conflicts with what was written meanwhile"
    return JSONResponse(enveloped({"body": [message]}), status=422)


def on_failure(request: Request, error: HTTPError) -> Envelope:
    return enveloped({"body": ["something went wrong"]})


def register(app: App) -> None:
    app.error(500)(on_failure)
    app.error(RefusedError)(on_refused)
    app.error(HTTPError)(on_http_error)
    for unfit in (IntegrityError, DataError, StaleDataError):
        app.error(unfit)(on_unfit)


def _field(fault: dict[str, Any]) -> str:
    """Return the last name of a place: title, of /article/title."""
    names = [step for step in fault.get("pointer", fault.get("name", "")).split("/") if step and not step.isdigit()]
    return names[-1] if names else "body"
