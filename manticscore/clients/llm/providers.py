"""Language models behind HTTP, through pydantic-ai. None of its types leaves this module."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import httpx2
from pydantic_ai import direct, exceptions
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse
from pydantic_ai.models import Model as ProviderModel
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from manticscore.clients.llm import errors, transport
from manticscore.clients.llm.http import ANTHROPIC, OPENAI, HttpModel
from manticscore.clients.llm.interface import Reply, Request, Tokens
from manticscore.clients.llm.reading import read_object

NO_KEY = "none"  # servers of one's own often want none, the protocol wants one
IN_WORDS = "Answer with one JSON object that follows this JSON schema, and with nothing else:"
GIVES_UP_LATER = 5.0  # seconds after our own deadline that a connection would give up by itself

Make = Callable[[str, str, str, httpx2.AsyncClient], ProviderModel]

# The most particular kind first. Those that an answer may have been paid for come without its tokens.
KINDS: tuple[tuple[type[Exception], type[errors.LlmError]], ...] = (
    (exceptions.ModelRequestTimeout, errors.Timeout),
    (exceptions.ModelTimeoutError, errors.Timeout),
    (TimeoutError, errors.Timeout),
    (exceptions.ModelQuotaExceededError, errors.QuotaExceeded),
    (exceptions.ModelAuthenticationError, errors.KeyRejected),
    (exceptions.ModelRequestRejectedError, errors.RequestRejected),
    (exceptions.ModelUnavailableError, errors.Unavailable),
    (exceptions.ModelServerError, errors.Unavailable),
    (exceptions.ModelHTTPError, errors.RequestRejected),
)
# Servers that know no JSON schemas, as they showed; by address and model. Learnt anew by every process.
_without_schemas: set[tuple[str, str]] = set()


def _anthropic(model: str, url: str, key: str, client: httpx2.AsyncClient) -> ProviderModel:
    return AnthropicModel(model, provider=AnthropicProvider(api_key=key, base_url=url, http_client=client))


def _openai(model: str, url: str, key: str, client: httpx2.AsyncClient) -> ProviderModel:
    provider = OpenAIProvider(api_key=key or NO_KEY, base_url=url, http_client=client)
    return OpenAIChatModel(model, provider=provider)


PROTOCOLS: dict[str, Make] = {ANTHROPIC: _anthropic, OPENAI: _openai}


async def ask(model: HttpModel, request: Request, key: str) -> Reply:
    """One question to a model. Raises LlmError."""
    try:
        async with asyncio.timeout(request.timeout):
            response = await answered(model, request, key)
    except errors.LlmError:
        raise
    except Exception as error:
        # Without its cause: an answer to a wrong key repeats parts of the key.
        raise translated(error) from None
    return read(model, request, response)


async def answered(model: HttpModel, request: Request, key: str) -> ModelResponse:
    """The answer, asked for by schema where the model can be held to one, else by words."""
    place = (model.url, model.model)
    async with transport.client(request.timeout + GIVES_UP_LATER) as client:
        made = PROTOCOLS[model.provider](model.model, model.url, key, client)
        able = bool(made.profile.get("supports_json_schema_output")) and place not in _without_schemas
        if not able:
            return await respond(made, in_words(request), None)
        try:
            return await respond(made, request, definition(request))
        except exceptions.ModelRequestRejectedError as error:
            if not is_about_the_body(error):
                raise
        response = await respond(made, in_words(request), None)
        _without_schemas.add(place)
        return response


def read(model: HttpModel, request: Request, response: ModelResponse) -> Reply:
    tokens = counted(request, response)
    if response.finish_reason == "length":
        raise errors.BadOutput("The language model's answer was cut off.", tokens)
    try:
        data = read_object(response.text or "")
    except errors.BadOutput as error:
        error.tokens = tokens
        raise
    return Reply(data, tokens, model.name)


def definition(request: Request) -> OutputObjectDefinition:
    return OutputObjectDefinition(json_schema=dict(request.schema), name=request.name, strict=True)


def in_words(request: Request) -> Request:
    """The request with its schema among the instructions."""
    return replace(request, system=f"{request.system}\n\n{IN_WORDS}\n{json.dumps(request.schema)}")


async def respond(
    model: ProviderModel, request: Request, answer: OutputObjectDefinition | None
) -> ModelResponse:
    """One request of pydantic-ai; never repeated by it or by the provider's own client."""
    messages: list[ModelMessage] = [ModelRequest.user_text_prompt(request.user, instructions=request.system)]
    parameters = ModelRequestParameters(output_mode="native" if answer else "text", output_object=answer)
    settings = ModelSettings(max_tokens=request.max_tokens, max_retries=0)
    return await direct.model_request(
        model, messages, model_settings=settings, model_request_parameters=parameters
    )


def is_about_the_body(error: exceptions.ModelRequestRejectedError) -> bool:
    """Whether the request was understood and refused for what is in it, as opposed to who sent it."""
    return isinstance(error, exceptions.ModelHTTPError) and error.status_code in (400, 422, 501)


def counted(request: Request, response: ModelResponse) -> Tokens:
    """What the server says was used; some say nothing, and then it is estimated from lengths."""
    estimate = request.at_most
    written = len((response.text or "").encode()) // 3
    usage = response.usage
    return Tokens(usage.input_tokens or estimate.read, usage.output_tokens or written)


def translated(error: Exception) -> errors.LlmError:
    """The error as one of ours, without anything the server said."""
    if has_cause(error, transport.TooLarge):
        return errors.BadOutput("The language model's answer is too large.")
    if isinstance(error, exceptions.ModelRateLimitError):
        return errors.RateLimited(retry_after=error.retry_after)
    for kind, ours in KINDS:
        if isinstance(error, kind):
            return ours()
    if isinstance(error, exceptions.ModelConnectionError):
        return errors.Unavailable() if error.phase in ("pool", "connect") else errors.BrokenOff()
    return errors.BadOutput()


def has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
