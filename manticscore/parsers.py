"""Reading JSON bodies strictly: UTF-8, objects, bounded depth, nothing PostgreSQL cannot store."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from manticscore import errors
from manticscore.lib import storable


class AlwaysJSON(BaseContentNegotiation):
    """Answers JSON whatever the Accept header says; refuses bodies of other types."""

    def select_parser(self, request: Any, parsers: Iterable[BaseParser]) -> BaseParser | None:
        content_type = (request.content_type or "").split(";")[0].strip().lower()
        return next(iter(parsers)) if content_type == "application/json" else None

    def select_renderer(
        self, request: Any, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or "application/json"


class StrictJSONParser(BaseParser):
    """Parses one JSON object. Duplicate keys: the last one wins, as in JavaScript."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        request: HttpRequest | None = (parser_context or {}).get("request")
        refuse_foreign_charset(request.content_params if request is not None else {})
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise errors.PayloadTooLarge()
        return parse_object(body)


def refuse_foreign_charset(content_params: Mapping[str, str] | None) -> None:
    charset = (content_params or {}).get("charset", "utf-8")
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        name = ""
    if name != "utf-8":
        raise errors.UnsupportedMediaType("Only UTF-8 is supported")


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises BadRequest (400) or Unprocessable (422)."""
    if nesting(body) > settings.JSON_DEPTH_LIMIT:
        raise errors.BadRequest("JSON is nested too deeply")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise errors.BadRequest("Body is not valid JSON") from None
    if not isinstance(value, dict):
        raise errors.BadRequest("Body must be a JSON object")
    objection = storable.objection(value)
    if objection:
        raise errors.Unprocessable(objection)
    return value


def nesting(body: bytes) -> int:
    """The deepest nesting of brackets outside strings."""
    depth = deepest = 0
    in_string = escaped = False
    for byte in body:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise errors.Unprocessable("A number is too large")
    return number
