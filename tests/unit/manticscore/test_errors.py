"""The error tree: its own documentation is true, and each error has one form on the wire."""

from __future__ import annotations

import json
import re

import django.db
import psycopg
import psycopg_pool
import pytest
from django.test import RequestFactory
from rest_framework import exceptions as drf

from manticscore import errors
from manticscore.clients.services import ServiceError

TREE_LINE = re.compile(r"^[\s│├└─]*(\w+)\s+(\d{3})\s+([A-Z_]+)")
STREAM_LINE = re.compile(r"^[\s│├└─]+(\w+)\s{2,}([A-Z_]+)")


def family(base: type[Exception]) -> list[type[Exception]]:
    found = [base]
    for child in base.__subclasses__():
        found += family(child)
    return found


def test_docstring_lists_every_status_and_code() -> None:
    tree = errors.__doc__ or ""
    http, stream = tree.split("PipelineError", 1)
    documented = {m[1]: (int(m[2]), m[3]) for line in http.splitlines() if (m := TREE_LINE.match(line))}
    own = {cls.__name__: (cls.status, cls.code) for cls in errors.ApiError.__subclasses__()}
    assert documented == own
    codes = {m[1]: m[2] for line in stream.splitlines() if (m := STREAM_LINE.match(line))}
    assert codes == {cls.__name__: cls.code for cls in errors.PipelineError.__subclasses__()}
    for cls in family(errors.Unauthorized):
        assert cls.__name__ in tree


def test_status_details_exist_for_every_status() -> None:
    for cls in family(errors.ApiError):
        if cls.status != 409 and cls.status != 422:
            assert cls.status in errors.STATUS_DETAILS


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (errors.MissingToken(), "Missing Bearer token"),
        (errors.TokenExpired(), "Token expired"),
        (errors.InvalidToken(), "Invalid token: unknown session"),
        (errors.NotFound(), "Not found"),
        (errors.Unprocessable("device_id required"), "device_id required"),
        (errors.PayloadTooLarge(), "Payload too large"),
    ],
)
def test_docstring_is_the_default_detail(error: errors.ApiError, detail: str) -> None:
    assert error.detail == str(error) == detail
    assert json.loads(errors.error_response(error).content) == {"detail": detail}


def test_unauthorized_names_the_scheme() -> None:
    assert errors.error_response(errors.TokenExpired())["WWW-Authenticate"] == "Bearer"
    assert "WWW-Authenticate" not in errors.error_response(errors.NotFound())


@pytest.mark.parametrize(("seconds", "header"), [(12, "12"), (1, "1"), (0, "1"), (-5, "1")])
def test_retry_after_is_at_least_a_second(seconds: int, header: str) -> None:
    assert errors.error_response(errors.TooManyRequests(retry_after=seconds))["Retry-After"] == header


def test_500_carries_the_request_id_and_others_do_not() -> None:
    assert json.loads(errors.status_response(500, "4a7f2c8e1d903b56").content) == {
        "detail": "Internal server error",
        "request_id": "4a7f2c8e1d903b56",
    }
    assert json.loads(errors.status_response(404, "4a7f2c8e1d903b56").content) == {"detail": "Not found"}
    assert json.loads(errors.status_response(418, "").content) == {"detail": "Error"}


@pytest.mark.parametrize(
    "gone",
    [
        django.db.OperationalError("server closed the connection"),
        django.db.InterfaceError("connection already closed"),
        psycopg.OperationalError("server closed the connection"),
        psycopg.InterfaceError("the connection is closed"),
        psycopg_pool.PoolTimeout("couldn't get a connection after 5.00 sec"),
        psycopg_pool.PoolClosed("the pool is closed"),
    ],
)
def test_lost_database_is_unavailable_and_says_nothing_of_it(gone: Exception) -> None:
    known = errors.from_exception(gone)
    assert isinstance(known, errors.Unavailable)
    assert (known.detail, known.retry_after) == (
        "The database is not reachable. Retry in a few seconds.",
        2,
    )


@pytest.mark.parametrize("defect", [ValueError(), KeyError("x"), django.db.DataError(), RecursionError()])
def test_defects_are_not_known_errors(defect: Exception) -> None:
    assert errors.from_exception(defect) is None
    assert errors.exception_handler(defect, {}) is None


@pytest.mark.parametrize(
    ("raised", "status", "detail"),
    [
        (drf.ParseError("broken"), 400, "broken"),
        (drf.NotAuthenticated(), 401, "Authentication credentials were not provided."),
        (drf.MethodNotAllowed("PUT"), 405, 'Method "PUT" not allowed.'),
        (drf.UnsupportedMediaType("text/xml"), 415, 'Unsupported media type "text/xml" in request.'),
        (drf.ValidationError({"idea": ["Not a valid string."]}), 422, "idea: Not a valid string."),
        (drf.ValidationError({"a": {"b": [{"c": ["wrong"]}]}}), 422, "a: b: c: wrong"),
        (drf.ValidationError({"non_field_errors": ["both or none"]}), 422, "both or none"),
        (drf.ValidationError("plain"), 422, "plain"),
        (errors.Conflict("taken"), 409, "taken"),
        (drf.NotFound("which one it was"), 404, "Not found"),
    ],
)
def test_every_exception_becomes_one_string(raised: Exception, status: int, detail: str) -> None:
    response = errors.exception_handler(raised, {})
    assert response is not None
    assert (response.status_code, response.data) == (status, {"detail": detail})


@pytest.mark.parametrize(
    ("handler", "status", "detail"),
    [
        (errors.handle_400, 400, "Bad request"),
        (errors.handle_403, 403, "Forbidden"),
        (errors.handle_404, 404, "Not found"),
    ],
)
def test_djangos_own_handlers(handler: object, status: int, detail: str) -> None:
    response = handler(RequestFactory().get("/"), Exception("secret"))  # type: ignore[operator]
    assert (response.status_code, json.loads(response.content)) == (status, {"detail": detail})


def test_stream_errors_have_messages_for_people() -> None:
    for cls in family(errors.PipelineError)[1:]:
        made = cls("GitHub") if issubclass(cls, ServiceError) else cls()
        assert made.message.endswith("."), cls
        assert re.fullmatch(r"[A-Z_]+", cls.code)


@pytest.mark.parametrize(
    ("cls", "code", "retryable"),
    [
        (errors.EmptyInput, "EMPTY_INPUT", False),
        (errors.EmptyOutput, "EMPTY_OUTPUT", False),
        (errors.BudgetExceeded, "BUDGET_EXCEEDED", True),
        (errors.Cancelled, "CANCELLED", False),
        (errors.WorkerCrashed, "WORKER_CRASHED", True),
        (errors.InternalError, "INTERNAL_ERROR", True),
    ],
)
def test_stream_error_codes(cls: type[errors.PipelineError], code: str, retryable: bool) -> None:
    error = cls(evidence_count=3)
    assert (error.code, error.retryable, error.data) == (code, retryable, {"evidence_count": 3})
