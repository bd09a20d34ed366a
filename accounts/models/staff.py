"""People who run the installation."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A member of staff who uses the admin. Not a client of the API: those are principals."""
