"""Django's ASGI handler with its two holes closed: bodies without end, requests that cannot be decoded."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import JsonResponse

from manticscore import errors
from manticscore.middleware import REQUEST_ID_HEADER, new_request_id


class HttpHandler(ASGIHandler):
    """Answers every refusal as JSON with a request id, as the middleware does for all later ones."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        received = 0

        async def receive_up_to_limit() -> Any:
            """The next message. Once the body is too large: the answer, then the client's leaving."""
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                return message
            await self.send_response(refusal(errors.PayloadTooLarge.status), send)
            return {"type": "http.disconnect"}

        await super().__call__(scope, receive_up_to_limit, send)

    def create_request(self, scope: Any, body_file: Any) -> Any:
        try:
            request, refused = super().create_request(scope, body_file)
        except ValueError:  # a charset with U+0000
            return None, refusal(errors.BadRequest.status)
        return (request, None) if refused is None else (None, refusal(refused.status_code))


def refusal(status: int) -> JsonResponse:
    request_id = new_request_id()
    response = errors.status_response(status, request_id)
    response[REQUEST_ID_HEADER] = request_id
    if status == errors.PayloadTooLarge.status:
        response["Connection"] = "close"  # the rest of the body is not read
    return response
