"""Reading settings from the environment, loudly: an odd value stops the start with a clear message."""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


def envstr(name: str, default: str = "") -> str:
    """The variable's text. `NAME_FILE` may point at a file that holds it instead."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            with open(path) as file:
                return file.read().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}") from None
    return os.environ.get(name) or default


def envbool(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if not value:
        return default
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")


def envint(name: str, default: int) -> int:
    value = os.environ.get(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from None


def envseconds(name: str, default: float) -> float:
    """A length of time; zero and less are mistakes."""
    value = os.environ.get(name)
    try:
        seconds = float(value) if value else default
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise ImproperlyConfigured(f"{name} must be a positive number of seconds, not {value!r}")
    return seconds


def envamount(name: str, default: float) -> float:
    """A number of something, which may be none."""
    value = os.environ.get(name)
    try:
        amount = float(value) if value else default
    except ValueError:
        amount = -1
    if not 0 <= amount < float("inf"):
        raise ImproperlyConfigured(f"{name} must be a number from 0, not {value!r}")
    return amount


def envlist(name: str, default: list[str]) -> list[str]:
    """Comma-separated values."""
    value = os.environ.get(name)
    return [part.strip() for part in value.split(",") if part.strip()] if value else default
