"""Signing in: from a Clerk JWT to a principal."""

from __future__ import annotations

from accounts.models import Principal
from manticscore import errors
from manticscore.clients import clerk


def looks_like_jwt(token: str) -> bool:
    """Whether a bearer token is to be taken for a JWT; our own tokens contain no dot."""
    return token.count(".") == 2


def user_id(token: str) -> str:
    """The user a JWT was made for. Raises InvalidToken, TokenExpired or Unavailable."""
    try:
        return clerk.current().user_id(token)
    except clerk.TokenExpired:
        raise errors.TokenExpired from None
    except clerk.TokenRefused as error:
        raise errors.InvalidToken(f"Invalid token: {error}") from None
    except clerk.KeysUnavailable as error:
        raise errors.Unavailable("JWKS not loaded", retry_after=error.retry_after) from None


def principal_of(token: str) -> Principal:
    """The principal of a JWT's user, made at the first sign-in; concurrent ones make it once."""
    principal = Principal(id=user_id(token))
    if not Principal.objects.filter(id=principal.id).exists():
        Principal.objects.bulk_create([principal], ignore_conflicts=True)
    return principal
