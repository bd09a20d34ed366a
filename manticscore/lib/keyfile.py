"""Keys that an installation makes for itself on first use."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path


def keep_key(path: Path) -> str:
    """The random text stored at `path`; made when there is none yet."""
    return keep_file(path, partial(secrets.token_urlsafe, 48))


def keep_file(path: Path, make: Callable[[], str]) -> str:
    """The secret stored at `path`; made, readable by the owner only, when there is none yet.

    Safe under concurrent first starts: the first complete file wins and everybody reads it.
    """
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    # Not named by the process id: containers that share a volume may have the same one.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(make())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()


def new_field_key() -> str:
    """A key for encrypting fields, in the form that Fernet takes."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
