"""Django's ASGI handler, with its holes closed and without the threads that a request does not need.

Stock Django crosses into a thread for each synchronous piece of a request: signal receivers, middleware,
the view, rendering, closing. That is most of a request's time; docs/performance.md has the profile. Here

- asynchronous views and middleware run in the event loop and cross nowhere;
- a synchronous view is rendered in the one crossing that runs it, in a borrowed thread (threads.py);
- what Django does after a request happens in that thread once the answer is out, or in none.

Bodies without end and requests that cannot be decoded are refused as JSON, as the middleware does later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import cache, wraps
from typing import Any

from asgiref.sync import ThreadSensitiveContext, iscoroutinefunction
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix, set_urlconf

from manticscore import errors, logs, threads
from manticscore.middleware import REQUEST_ID_HEADER

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
View = Callable[..., Any]


class HttpHandler(ASGIHandler):
    """See the module's docstring."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        thread = threads.BorrowedThread(threads.shared)
        threads.current.set(thread)
        async with ThreadSensitiveContext(executor=thread):
            try:
                await self.answer(scope, self.up_to_limit(receive, send), send, thread)
            finally:
                thread.give_back()

    async def answer(
        self, scope: Message, receive: Receive, send: Send, thread: threads.BorrowedThread
    ) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        set_script_prefix(get_script_prefix(scope))
        with body:
            response = await self.respond(scope, body)
        try:
            if response.streaming:
                await self.stream(response, receive, send)
            else:
                await self.send_response(response, send)
        finally:
            # Closing the response is what tells Django that the request is finished.
            thread.give_back(response.close)

    async def respond(self, scope: Message, body: Any) -> Any:
        """The response. Only that is kept while it is sent: a stream may idle for hours."""
        request, refused = self.create_request(scope, body)
        return refused if request is None else await self.run_get_response(request)

    def up_to_limit(self, receive: Receive, send: Send) -> Receive:
        """`receive` for bodies of bounded size: beyond it, the answer, then as if the client had left."""
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                return message
            await self.send_response(refusal(errors.PayloadTooLarge.status), send)
            return {"type": "http.disconnect"}

        return receive_some

    async def stream(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Send until the end or until the client leaves. Short answers are simply finished instead."""
        sending = asyncio.create_task(self.send_response(response, send))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as listening:

                    def stop_listening(_: Any) -> None:
                        with suppress(RuntimeError):  # the client left at the same moment
                            listening.reschedule(0)

                    sending.add_done_callback(stop_listening)
                    await receive()
            if sending.done():
                sending.result()
        finally:
            sending.remove_done_callback(stop_listening)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def create_request(self, scope: Message, body_file: Any) -> Any:
        try:
            request, refused = super().create_request(scope, body_file)
        except ValueError:  # a charset with U+0000
            return None, refusal(errors.BadRequest.status)
        return (request, None) if refused is None else (None, refusal(refused.status_code))

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Without Django's line per refusal, which costs a crossing: the access log has one for all."""
        set_urlconf(settings.ROOT_URLCONF)
        response: HttpResponseBase = await self._middleware_chain(request)  # type: ignore[attr-defined]
        request.close()  # what was uploaded; nothing is
        return response

    def make_view_atomic(self, view: View) -> View:
        """Django's hook for wrapping a view before it is called."""
        view = super().make_view_atomic(view)
        return answering(view) if iscoroutinefunction(view) else rendering(view)


@cache
def answering(view: View) -> View:
    """An asynchronous view's known errors as answers, without a crossing for the exception's sake."""

    @wraps(view)
    async def run(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = await view(request, *args, **options)
        except Exception as error:
            known = errors.from_exception(error)
            if known is None:
                raise
            return errors.error_response(known)
        return response

    return run


@cache
def rendering(view: View) -> View:
    """A synchronous view that also renders its response, for which Django would cross again."""

    @wraps(view)
    def run(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        response: Any = view(request, *args, **options)
        if callable(getattr(response, "render", None)):
            response.render()
            response.render = None
        return response  # type: ignore[no-any-return]

    return run


def refusal(status: int) -> JsonResponse:
    request_id = logs.current.get().id
    response = errors.status_response(status, request_id)
    response[REQUEST_ID_HEADER] = request_id
    if status == errors.PayloadTooLarge.status:
        response["Connection"] = "close"  # the rest of the body is not read
    return response
