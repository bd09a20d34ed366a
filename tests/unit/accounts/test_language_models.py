"""accounts.language_models: whose model answers, and with whose key."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from accounts import language_models, vault
from accounts.models import Principal, Secret
from manticscore.clients.llm import Request, errors
from manticscore.clients.llm.http import HttpModel

pytestmark = pytest.mark.django_db
ANTHROPIC_KEY = "sk-ant-0123456789abcdefghij"
OPENAI_KEY = "sk-proj-0123456789abcdefghij"
REQUEST = Request("s", "u", {"type": "object"})


@pytest.fixture
def owner() -> Principal:
    return Principal.objects.create(id="user_ada")


def chosen(owner: Principal) -> tuple[HttpModel, bool]:
    choice = language_models.choose(owner.pk)
    assert choice is not None
    assert isinstance(choice.model, HttpModel)
    return choice.model, choice.own_key


def test_nothing_configured_is_no_model(owner: Principal) -> None:
    assert language_models.choose(owner.pk) is None


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("", "anthropic:claude-sonnet-5-5"),
        ("anthropic:claude-haiku-5-5", "anthropic:claude-haiku-5-5"),
        ("claude-haiku-5-5", "anthropic:claude-haiku-5-5"),
        ("openai:gpt-6-luna", "openai:gpt-6-luna"),
        ("gpt-6-luna", "openai:gpt-6-luna"),
    ],
)
def test_llm_model_names_the_provider_too(
    owner: Principal, settings: LazySettings, named: str, expected: str
) -> None:
    settings.ANTHROPIC_API_KEY, settings.OPENAI_API_KEY = ANTHROPIC_KEY, OPENAI_KEY
    settings.LLM_MODEL = named
    model, own_key = chosen(owner)
    assert (model.name, own_key, model.fixed) == (expected, False, False)
    assert model.key() == (ANTHROPIC_KEY if model.provider == "anthropic" else OPENAI_KEY)


def test_a_model_whose_provider_has_no_key_gives_way(owner: Principal, settings: LazySettings) -> None:
    settings.OPENAI_API_KEY = OPENAI_KEY
    settings.LLM_MODEL = "anthropic:claude-haiku-5-5"
    assert chosen(owner)[0].name == "openai:gpt-5.6-terra"


def test_a_server_of_ones_own_needs_no_key_and_has_prices_of_its_own(
    owner: Principal, settings: LazySettings
) -> None:
    settings.OPENAI_BASE_URL = "http://127.0.0.1:11434/v1"
    settings.LLM_MODEL = "llama3:8b"
    model, _ = chosen(owner)
    assert (model.name, model.url, model.fixed, model.key()) == (
        "openai:llama3:8b",
        "http://127.0.0.1:11434/v1",
        True,
        "",
    )


def test_the_owners_key_comes_before_the_installations(owner: Principal, settings: LazySettings) -> None:
    settings.ANTHROPIC_API_KEY = ANTHROPIC_KEY
    vault.put(owner.pk, {"openai_api_key": OPENAI_KEY})
    model, own_key = chosen(owner)
    assert (model.provider, own_key, model.key()) == ("openai", True, OPENAI_KEY)
    assert chosen(Principal.new_anonymous())[1] is False


def test_a_stored_key_is_decrypted_at_the_call_only(owner: Principal) -> None:
    vault.put(owner.pk, {"anthropic_api_key": ANTHROPIC_KEY})
    Secret.objects.update(ciphertext=b"broken")
    model, _ = chosen(owner)
    with pytest.raises(errors.KeyRejected, match="Store it again"):
        model.complete(REQUEST)


def test_a_key_that_was_removed_meanwhile(owner: Principal) -> None:
    vault.put(owner.pk, {"anthropic_api_key": ANTHROPIC_KEY})
    model, _ = chosen(owner)
    vault.put(owner.pk, {"anthropic_api_key": None})
    with pytest.raises(errors.KeyRejected, match="removed"):
        model.complete(REQUEST)


def test_no_key_is_in_what_is_printed(owner: Principal, settings: LazySettings) -> None:
    settings.ANTHROPIC_API_KEY = ANTHROPIC_KEY
    assert ANTHROPIC_KEY not in repr(language_models.choose(owner.pk))


@pytest.mark.parametrize(
    ("name", "key"),
    [("ANTHROPIC", {"anthropic_api_key": ANTHROPIC_KEY}), ("OPENAI", {"openai_api_key": OPENAI_KEY})],
)
def test_an_owners_key_goes_to_no_server_of_the_installations(
    owner: Principal, settings: LazySettings, name: str, key: dict[str, str]
) -> None:
    vault.put(owner.pk, key)
    setattr(settings, f"{name}_BASE_URL", "https://gateway.example/v1")
    assert chosen(owner)[0].url == getattr(settings, f"{name}_URL")
    setattr(settings, f"{name}_USER_BASE_URL", "https://users.example/v1")
    assert chosen(owner)[0].url == "https://users.example/v1"
