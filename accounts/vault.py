"""Third-party keys of users: encrypted at rest, shown masked only.

What is encrypted is an envelope that names the row and the kind it was made for. A ciphertext that was
copied to another row or kind decrypts to the wrong envelope and is refused. The owner is not part of it, so
rows can change hands in a rebind as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from accounts.models import Secret
from manticscore import errors

MIN_LENGTH, MAX_LENGTH = 20, 512
VISIBLE = re.compile(r"[!-~]+")
# The longest prefix that fits is what a mask shows.
PREFIXES: dict[str, tuple[str, ...]] = {
    Secret.Kind.GITHUB_PAT: ("github_pat_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    Secret.Kind.ANTHROPIC_API_KEY: ("sk-ant-",),
    Secret.Kind.OPENAI_API_KEY: ("sk-proj-", "sk-svcacct-", "sk-"),
}
BATCH = 100  # rows that a rotation locks at a time


class Unreadable(Exception):
    """A stored secret was not encrypted by us for this place, or with a key that we no longer have."""


@dataclass(slots=True)
class Rotation:
    """What a rotation did."""

    rotated: int = 0
    current: int = 0
    unreadable: int = 0


def check(kind: str, text: str) -> None:
    """Raises Unprocessable, without repeating the text, when it cannot be a key of that kind."""
    if not VISIBLE.fullmatch(text):
        raise errors.Unprocessable(f"{kind} must not contain spaces, line ends or special characters")
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise errors.Unprocessable(f"{kind} must have {MIN_LENGTH} to {MAX_LENGTH} characters")
    foreign = kind == Secret.Kind.OPENAI_API_KEY and text.startswith("sk-ant-")
    if not prefix_of(kind, text) or foreign:
        raise errors.Unprocessable(f"{kind} must start with {' or '.join(PREFIXES[kind])}")


def prefix_of(kind: str, text: str) -> str:
    return max((prefix for prefix in PREFIXES[kind] if text.startswith(prefix)), key=len, default="")


@transaction.atomic
def put(owner_id: str, changes: dict[str, str | None]) -> None:
    """Store or, with None, forget the owner's keys by kind: all of the changes, or none."""
    for kind, text in changes.items():
        if text is not None:
            check(kind, text)
    for kind, text in sorted(changes.items()):
        if text is None:
            Secret.objects.filter(owner_id=owner_id, kind=kind).delete()
        else:
            store(owner_id, kind, text)


def store(owner_id: str, kind: str, text: str) -> None:
    empty = Secret(owner_id=owner_id, kind=kind, ciphertext=b"", hint="")
    Secret.objects.bulk_create([empty], ignore_conflicts=True)  # the envelope needs the row's id
    secret = Secret.objects.select_for_update().filter(owner_id=owner_id, kind=kind).get()
    secret.ciphertext = seal(secret, text)
    secret.hint = f"{prefix_of(kind, text)}...****"
    Secret.objects.filter(pk=secret.pk).update(
        ciphertext=secret.ciphertext, hint=secret.hint, updated_at=Now()
    )


def masks(owner_id: str) -> dict[str, str]:
    """What may be shown of the owner's keys, by kind."""
    return dict(Secret.objects.filter(owner_id=owner_id).values_list("kind", "hint"))


def reveal(owner_id: str, kind: str) -> str | None:
    """The owner's key in clear, for use at the moment; never for an answer, an event or a log.

    Raises Unreadable.
    """
    secret = Secret.objects.filter(owner_id=owner_id, kind=kind).first()
    return None if secret is None else unseal(secret)


def seal(secret: Secret, text: str) -> bytes:
    envelope = {"id": secret.pk, "kind": secret.kind, "text": text}
    return fernet().encrypt(json.dumps(envelope).encode())


def unseal(secret: Secret) -> str:
    try:
        envelope = json.loads(fernet().decrypt(bytes(secret.ciphertext)))
    except InvalidToken:
        raise Unreadable(f"secret {secret.pk} cannot be decrypted") from None
    match envelope:
        case {"id": secret.pk, "kind": secret.kind, "text": str(text)}:
            return text
    raise Unreadable(f"secret {secret.pk} was made for another place")


def fernet() -> MultiFernet:
    if not settings.FIELD_KEYS:
        raise errors.Unavailable("Secrets cannot be stored: FIELD_KEYS is not configured")
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])


def rotate(batch: int = BATCH) -> Rotation:
    """Encrypt with the first of FIELD_KEYS what another one encrypted.

    A batch is a transaction: a rotation that is stopped goes on where it was, and two at once share the work.
    """
    done = Rotation()
    for pks in batches(batch):
        with transaction.atomic():
            for secret in Secret.objects.select_for_update(skip_locked=True).filter(pk__in=pks):
                rotate_one(secret, done)
    return done


def rotate_one(secret: Secret, done: Rotation) -> None:
    try:
        text = unseal(secret)
    except Unreadable:
        done.unreadable += 1
        return
    if is_current(secret):
        done.current += 1
        return
    Secret.objects.filter(pk=secret.pk).update(ciphertext=seal(secret, text))
    done.rotated += 1


def is_current(secret: Secret) -> bool:
    try:
        Fernet(settings.FIELD_KEYS[0]).decrypt(bytes(secret.ciphertext))
    except InvalidToken:
        return False
    return True


def batches(size: int) -> Iterator[list[int]]:
    """Primary keys of all secrets, in order."""
    last = 0
    while True:
        pks = list(Secret.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:size])
        if not pks:
            return
        yield pks
        last = pks[-1]
