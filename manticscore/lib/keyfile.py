"""Keys that an installation makes for itself on first use."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def keep_key(path: Path) -> str:
    """The key stored at `path`; made, readable by the owner only, when there is none yet.

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
        file.write(secrets.token_urlsafe(48))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()
