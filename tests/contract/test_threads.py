"""Requests and threads: none for asynchronous views, one for the rest, and no connection left behind."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings
from django.core.signals import request_finished
from django.db import connection
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from manticscore import errors, threads
from manticscore.handler import HttpHandler
from manticscore.threads import BorrowedThread, Threads
from manticscore.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500"]

LEFT_OPEN: list[bool] = []
CLOSED: list[str] = []


def look(**_: Any) -> None:
    """After Django's own receivers: is a connection of this thread still open?"""
    LEFT_OPEN.append(connection.connection is not None)


async def in_loop(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"thread": threading.current_thread().name})


async def refusing(request: HttpRequest) -> JsonResponse:
    raise errors.NotFound()


async def twice(request: HttpRequest) -> JsonResponse:
    names = [await sync_to_async(lambda: threading.current_thread().name)() for _ in range(2)]
    return JsonResponse({"threads": names})


class QueryView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return Response({"thread": threading.current_thread().name})


async def endless(request: HttpRequest) -> StreamingHttpResponse:
    async def lines() -> Any:
        await sync_to_async(threading.current_thread)()
        threads.release()
        try:
            while True:
                yield b"line\n"
                await asyncio.sleep(0.01)
        finally:
            CLOSED.append(threading.current_thread().name)

    return StreamingHttpResponse(lines())


urlpatterns = [
    path("loop", in_loop),
    path("refusing", refusing),
    path("twice", twice),
    path("query", QueryView.as_view()),
    path("endless", endless),
]


@pytest.fixture(autouse=True)
def routes(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.ROOT_URLCONF = __name__
    monkeypatch.setattr(threads, "shared", Threads(4))
    LEFT_OPEN.clear()
    CLOSED.clear()
    request_finished.connect(look)
    yield
    request_finished.disconnect(look)


async def get(route: str, leave_after: int | None = None) -> list[dict[str, Any]]:
    """The messages of the answer; the client leaves after so many of them."""
    sent: list[dict[str, Any]] = []
    left = asyncio.Event()
    body: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if body:
            return body.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if leave_after is not None and len(sent) >= leave_after:
            left.set()

    scope = {"type": "http", "method": "GET", "path": f"/{route}", "query_string": b"",
             "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1)}  # fmt: skip
    async with asyncio.timeout(10):
        await HttpHandler()(scope, receive, send)
    return sent


async def settled() -> None:
    """Cleaning happens after the answer, in the threads."""
    for thread in threads.shared._threads:
        await asyncio.wrap_future(thread.submit(lambda: None))


async def test_asynchronous_view_needs_no_thread() -> None:
    answer = await get("loop")
    assert threading.current_thread().name.encode() in answer[1]["body"]
    assert threads.shared._threads == []
    assert LEFT_OPEN == [False], "the request was finished all the same"


async def test_refusal_of_an_asynchronous_view_needs_no_thread() -> None:
    assert (await get("refusing"))[0]["status"] == 404
    assert threads.shared._threads == []


async def test_all_synchronous_code_of_a_request_runs_in_one_thread() -> None:
    first, second = json.loads((await get("twice"))[1]["body"])["threads"]
    assert first == second != threading.current_thread().name


@pytest.mark.django_db(transaction=True)
async def test_threads_are_kept_and_connections_are_not() -> None:
    names = [(await get("query"))[1]["body"] for _ in range(3)]
    await settled()
    assert len(set(names)) == 1
    assert len(threads.shared._threads) == 1
    assert LEFT_OPEN == [False] * 3
    assert threads.shared._threads[0].users == 0


@pytest.mark.django_db(transaction=True)
async def test_more_requests_than_threads_share_them() -> None:
    answers = await asyncio.gather(*(get("query") for _ in range(12)))
    await settled()
    assert {answer[0]["status"] for answer in answers} == {200}
    assert len(threads.shared._threads) == 4
    assert LEFT_OPEN[-4:] == [False] * 4
    assert [thread.users for thread in threads.shared._threads] == [0] * 4


async def test_stream_gives_its_thread_back_and_ends_when_the_client_leaves() -> None:
    sent = await get("endless", leave_after=4)
    assert len(sent) >= 4
    assert [threading.current_thread().name] == CLOSED
    assert [thread.users for thread in threads.shared._threads] == [0]


def test_idle_thread_is_taken_before_a_new_one() -> None:
    pool = Threads(2)
    first = BorrowedThread(pool)
    first.submit(int).result()
    first.give_back()
    second, third, fourth = (BorrowedThread(pool) for _ in range(3))
    for borrowed in (second, third, fourth):
        borrowed.submit(int).result()
    assert [thread.users for thread in pool._threads] == [2, 1]
