"""Language models: one small interface over Anthropic, OpenAI and servers that speak OpenAI's protocol."""

from manticscore.clients.llm.interface import Model, Reply, Request, Tokens

__all__ = ["Model", "Reply", "Request", "Tokens"]
