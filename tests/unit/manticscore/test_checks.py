"""System checks on combinations of settings."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.checks import run_checks

from tests.helpers import clerk

GOOD: dict[str, Any] = {
    "DEBUG": False,
    "EMBEDDED": False,
    "ALLOWED_HOSTS": ["api.example.com"],
    "CLERK_ISSUER": "https://clerk.example.com",
    "CLERK_JWKS_URL": "",
    "CLERK_JWT_PEM": "",
    "CLERK_AUTHORIZED_PARTIES": ["https://app.example.com"],
    "CLERK_ALLOW_MISSING_AZP": False,
    "FIELD_KEYS": [Fernet.generate_key().decode()],
    "CREDITS_ENFORCED": True,
}
NO_CLERK = {"CLERK_ISSUER": "", "CLERK_AUTHORIZED_PARTIES": []}
CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"ALLOWED_HOSTS": ["localhost", "127.0.0.1"]}, {"W001"}),
    ({"ALLOWED_HOSTS": []}, {"W001"}),
    ({"ALLOWED_HOSTS": ["localhost"], "EMBEDDED": True}, set()),
    ({"DEBUG": True}, {"W002"}),
    ({"DEBUG": True, "ALLOWED_HOSTS": ["localhost"]}, set()),
    (NO_CLERK, {"W003"}),
    ({**NO_CLERK, "DEBUG": True, "ALLOWED_HOSTS": ["localhost"]}, set()),
    ({"CLERK_ISSUER": "", "CLERK_JWKS_URL": "https://clerk.example.com/jwks"}, {"E001"}),
    ({"CLERK_ISSUER": "", "CLERK_JWT_PEM": clerk.pem()}, {"E001"}),
    ({"CLERK_AUTHORIZED_PARTIES": []}, {"E002"}),
    ({"CLERK_AUTHORIZED_PARTIES": [], "CLERK_ALLOW_MISSING_AZP": True}, set()),
    ({"CLERK_JWT_PEM": "no key"}, {"E003"}),
    ({"CLERK_JWT_PEM": clerk.pem()}, set()),
    ({"CLERK_ISSUER": "http://clerk.example.com", "CLERK_JWT_PEM": clerk.pem()}, set()),
    ({"CLERK_ISSUER": "http://clerk.example.com"}, {"E004"}),
    ({"CLERK_JWKS_URL": "http://clerk.example.com/jwks"}, {"E004"}),
    ({"CLERK_JWKS_URL": "http://localhost.evil.example/jwks"}, {"E004"}),
    ({"CLERK_JWKS_URL": "file:///etc/passwd"}, {"E004"}),
    ({"CLERK_JWKS_URL": "http://127.0.0.1:9000/jwks"}, set()),
    ({"CLERK_JWKS_URL": "http://[::1]:9000/jwks"}, set()),
    ({"FIELD_KEYS": []}, {"E005"}),
    ({"FIELD_KEYS": ["short"]}, {"E006"}),
    ({"FIELD_KEYS": [Fernet.generate_key().decode(), "ümlaut", "x" * 44]}, {"E006"}),
    ({"FETCH_ALLOW_PRIVATE": ["wiki.example.lan"]}, {"E007", "W005"}),
    ({"FETCH_ALLOW_PRIVATE": ["wiki.example.lan:80"]}, {"W005"}),
    ({"FETCH_ALLOW_PRIVATE": ["wiki.example.lan:80"], "DEBUG": True, "ALLOWED_HOSTS": ["localhost"]}, set()),
    ({"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}, {"W006"}),
    ({"OPENAI_BASE_URL": "http://127.0.0.1:11434/v1", "LLM_MODEL": "llama3:8b"}, set()),
    ({"ANTHROPIC_BASE_URL": "api.anthropic.com"}, {"E008"}),
    ({"ANTHROPIC_USER_BASE_URL": "api.anthropic.com"}, {"E008"}),
    ({"CREDITS_ENFORCED": False}, {"W004"}),
    ({"CREDITS_ENFORCED": False, "EMBEDDED": True}, set()),
]


@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_checks(settings: LazySettings, changes: dict[str, Any], expected: set[str]) -> None:
    for name, value in {**GOOD, **changes}.items():
        setattr(settings, name, value)
    messages = [message for message in run_checks() if (message.id or "").startswith("manticscore.")]
    assert {message.id for message in messages} == {f"manticscore.{number}" for number in expected}
    assert all(message.hint for message in messages)


def test_a_field_key_is_never_shown(settings: LazySettings) -> None:
    settings.FIELD_KEYS = ["half-a-secret"]
    assert not any("half-a-secret" in str(message) for message in run_checks())
