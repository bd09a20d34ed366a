"""Which language model works for somebody, and with whose key."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from accounts import vault
from accounts.models import Secret
from manticscore import errors as api_errors
from manticscore.clients.llm import Model, errors
from manticscore.clients.llm.http import ANTHROPIC, OPENAI, HttpModel
from manticscore.clients.llm.prices import Rates

# What is asked when LLM_MODEL names nothing of that provider.
DEFAULTS = {ANTHROPIC: "claude-sonnet-5-5", OPENAI: "gpt-5.6-terra"}
KEYS = {ANTHROPIC: Secret.Kind.ANTHROPIC_API_KEY, OPENAI: Secret.Kind.OPENAI_API_KEY}


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, and whether its owner pays for it with a key of their own."""

    model: Model
    own_key: bool


def choose(owner_id: str) -> Choice | None:
    """The owner's own key comes first, then the installation's; None when there is neither.

    Of two keys the one counts whose provider LLM_MODEL names. Nothing is decrypted here.
    """
    stored = vault.masks(owner_id)
    for provider in in_order():
        if KEYS[provider] in stored:
            return Choice(_of_owner(owner_id, provider), own_key=True)
    for provider in in_order():
        if is_configured(provider):
            return Choice(_of_installation(provider), own_key=False)
    return None


def configured_model() -> tuple[str, str]:
    """The provider and the name in LLM_MODEL; empty when it is not set.

    A name without a provider is Anthropic's when it begins like theirs. A tag ("llama3:8b") is no provider.
    """
    named = settings.LLM_MODEL
    provider, _, name = named.partition(":")
    if provider in DEFAULTS and name:
        return provider, name
    if not named:
        return "", ""
    return (ANTHROPIC if named.startswith("claude") else OPENAI), named


def in_order() -> list[str]:
    return sorted(DEFAULTS, key=lambda provider: provider != configured_model()[0])


def is_configured(provider: str) -> bool:
    if provider == ANTHROPIC:
        return bool(settings.ANTHROPIC_API_KEY)
    return bool(settings.OPENAI_API_KEY) or is_own_server()


def is_own_server() -> bool:
    """Whether OPENAI_BASE_URL leads somewhere else than to OpenAI; such servers often want no key."""
    return bool(settings.OPENAI_BASE_URL != settings.OPENAI_URL)


def _of_installation(provider: str) -> HttpModel:
    key = settings.ANTHROPIC_API_KEY if provider == ANTHROPIC else settings.OPENAI_API_KEY
    url = settings.ANTHROPIC_BASE_URL if provider == ANTHROPIC else settings.OPENAI_BASE_URL
    model = _name(provider)
    return HttpModel(provider, model, url, lambda: str(key), _rates(), provider == OPENAI and is_own_server())


def _of_owner(owner_id: str, provider: str) -> HttpModel:
    def key() -> str:
        try:
            found = vault.reveal(owner_id, KEYS[provider])
        except (vault.Unreadable, api_errors.Unavailable):
            raise errors.KeyRejected("Your stored key cannot be read. Store it again.") from None
        if found is None:
            raise errors.KeyRejected("Your stored key was removed while the run was under way.")
        return found

    url = settings.ANTHROPIC_USER_BASE_URL if provider == ANTHROPIC else settings.OPENAI_USER_BASE_URL
    # A name that was chosen for a server of the installation's means nothing at OpenAI.
    model = DEFAULTS[provider] if provider == OPENAI and is_own_server() else _name(provider)
    return HttpModel(provider, model, url, key, _rates())


def _name(provider: str) -> str:
    named, model = configured_model()
    return model if named == provider else DEFAULTS[provider]


def _rates() -> Rates:
    return Rates(settings.LLM_PRICE_INPUT, settings.LLM_PRICE_OUTPUT)
