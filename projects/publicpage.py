"""Pages that everybody may see over HTTP: their two forms, and how long they may be kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response, patch_vary_headers
from rest_framework.request import Request

from manticscore.views import json_response

JSON = "application/json"
HTML = "text/html"
# Kept, but asked for again each time: what is unpublished is gone at once.
CACHE = "public, no-cache"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
OG_DESCRIPTION = 200
Page = dict[str, Any]


def answer(
    request: Request, page: Page, html: Callable[[HttpRequest, Page], HttpResponse]
) -> HttpResponseBase:
    """HTML for browsers and for whoever does not say; JSON for who asks for it. 304 when it is known."""
    django: HttpRequest = request._request
    response = json_response(page) if wants_json(django) else html(django, page)
    response["Cache-Control"] = CACHE
    response["Content-Security-Policy"] = POLICY
    patch_vary_headers(response, ["Accept"])
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = etag
    return get_conditional_response(django, etag=etag, response=response) or response


def wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type([HTML, JSON]) == JSON


def project(request: HttpRequest, page: Page) -> HttpResponse:
    idea = page.get("idea", {})
    title = page["project"]["short_title"]
    told = idea.get("one_liner") or page["project"]["description"] or title
    url = request.build_absolute_uri(request.path)
    context = {**page, "title": title, "description": told[:OG_DESCRIPTION], "url": url}
    return HttpResponse(render_to_string("public/project.html", context))


def clip(request: HttpRequest, page: Page) -> HttpResponse:
    context = {**page, "url": request.build_absolute_uri(request.path)}
    response = HttpResponse(render_to_string("public/clip.html", context))
    response["X-Robots-Tag"] = "noindex"  # shown to who has the link, not to the world
    return response
