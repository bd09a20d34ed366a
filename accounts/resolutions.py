"""How staff settle a conflict over a device, and take that back.

A preview is the real thing in a transaction that is rolled back, so it shows exactly what would happen.
Its fingerprint comes back with the confirmation; when the same action would by then do anything else,
it is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts import ownership
from accounts.models import (
    Device,
    IdempotencyKey,
    LedgerEntry,
    ModelCall,
    OutboxMessage,
    OwnedModel,
    Rebind,
    RebindAudit,
    RebindConflict,
    Secret,
    UsagePeriod,
    User,
)
from accounts.ownership import Keys

Resolution = RebindConflict.Resolution
UNDO = "undo"
UNDO_WITHIN = timedelta(days=7)

# What belongs to the person, not to the work: keys they entrusted to us, what they used and paid for,
# answers to their own requests, messages about them. It never passes from one user to another.
PERSONAL: tuple[type[OwnedModel], ...] = (
    Secret,
    UsagePeriod,
    LedgerEntry,
    ModelCall,
    IdempotencyKey,
    OutboxMessage,
)


class Refused(Exception):
    """The conflict, as it is now, does not allow this."""


class Stale(Exception):
    """Something changed since the preview. Look at it again."""

    def __str__(self) -> str:
        return self.__doc__ or ""


@dataclass(slots=True)
class Effect:
    """What an action does: rows that move, by primary key, rows that cannot, and whose the device is."""

    owner_before: str | None = None
    owner_after: str | None = None
    moved: Keys = field(default_factory=dict)
    left: Keys = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(len(keys) for keys in self.moved.values())

    def fingerprint(self, before: str) -> str:
        """Of the action on a conflict whose state was `before`."""
        return hashlib.sha256(json.dumps([before, asdict(self)], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Preview:
    effect: Effect
    fingerprint: str


def legal_resolutions(conflict: RebindConflict) -> list[Resolution]:
    """What may be done about a conflict as it stands."""
    if conflict.resolved_at is not None:
        return []
    owner_id = conflict.device.rebound_to_id
    if owner_id is None or owner_id == conflict.claimant_id:
        return [Resolution.KEEP]
    return [Resolution.KEEP, Resolution.TRANSFER, Resolution.RELEASE]


def preview(conflict_id: int, resolution: Resolution) -> Preview:
    """What a resolution would do. Raises Refused."""
    with transaction.atomic():
        conflict = locked(conflict_id)
        before = state_of(conflict)
        effect = settle(conflict, resolution)
        transaction.set_rollback(True)
    return Preview(effect, effect.fingerprint(before))


@transaction.atomic
def resolve(
    *, conflict_id: int, resolution: Resolution, staff: User, reason: str, fingerprint: str
) -> RebindAudit:
    """Settle a conflict as previewed. Raises Refused or Stale; then nothing has changed."""
    conflict = locked(conflict_id)
    before = state_of(conflict)
    effect = settle(conflict, resolution)
    if effect.fingerprint(before) != fingerprint:
        raise Stale
    return RebindAudit.objects.create(
        conflict=conflict, staff=staff, action=resolution.value, reason=reason, effect=asdict(effect)
    )


def preview_undo(audit_id: int) -> Preview:
    """What taking a resolution back would do. Raises Refused."""
    with transaction.atomic():
        audit = RebindAudit.objects.select_related("conflict").get(pk=audit_id)
        conflict = locked(audit.conflict_id)
        before = state_of(conflict)
        effect = take_back(conflict, audit)
        transaction.set_rollback(True)
    return Preview(effect, effect.fingerprint(before))


@transaction.atomic
def undo(*, audit_id: int, staff: User, reason: str, fingerprint: str) -> RebindAudit:
    """Take a resolution back as previewed. Raises Refused or Stale; then nothing has changed."""
    audit = RebindAudit.objects.select_related("conflict").get(pk=audit_id)
    conflict = locked(audit.conflict_id)
    before = state_of(conflict)
    effect = take_back(conflict, audit)
    if effect.fingerprint(before) != fingerprint:
        raise Stale
    RebindAudit.objects.filter(pk=audit_id).update(undone_at=Now())
    return RebindAudit.objects.create(
        conflict=conflict, staff=staff, action=UNDO, reason=reason, effect=asdict(effect)
    )


def undoable() -> QuerySet[RebindAudit]:
    """Resolutions that may still be taken back, by the database's clock."""
    recent = RebindAudit.objects.filter(undone_at=None, created_at__gt=Now() - UNDO_WITHIN)
    return recent.exclude(action=UNDO)


def locked(conflict_id: int) -> RebindConflict:
    """A conflict with its device, both locked: the device first, as a rebind does."""
    device_id = RebindConflict.objects.values_list("device_id", flat=True).get(pk=conflict_id)
    Device.objects.select_for_update().get(pk=device_id)
    return RebindConflict.objects.select_for_update().select_related("device").get(pk=conflict_id)


def state_of(conflict: RebindConflict) -> str:
    return f"{conflict.pk} {conflict.resolution} {conflict.resolved_at}"


def settle(conflict: RebindConflict, resolution: Resolution) -> Effect:
    if resolution not in legal_resolutions(conflict):
        raise Refused("This conflict is resolved already, or its device has changed hands.")
    owner_id = conflict.device.rebound_to_id
    effect = Effect(owner_before=owner_id, owner_after=owner_id)
    if resolution == Resolution.TRANSFER:
        transfer(conflict.device, str(owner_id), conflict.claimant_id, effect)
    elif resolution == Resolution.RELEASE:
        effect.owner_after = None
        effect.notes.append("The next user who claims the device gets what is done on it from now on.")
    Device.objects.filter(pk=conflict.device_id).update(rebound_to=effect.owner_after)
    RebindConflict.objects.filter(pk=conflict.pk).update(resolution=resolution, resolved_at=Now())
    return effect


def transfer(device: Device, owner_id: str, claimant_id: str, effect: Effect) -> None:
    """Move what the device brought to its owner, with what hangs from it, and nothing else of theirs."""
    effect.owner_after = claimant_id
    lock_both(owner_id, claimant_id)
    labels = ownership.by_label()
    brought = ownership.with_dependents(brought_by(device, owner_id), owner_id)
    for label, keys in brought.items():
        if labels[label] in PERSONAL:
            effect.left[label] = keys
        else:
            move(labels[label], keys, owner_id, claimant_id, effect)
    if effect.left:
        effect.notes.append("What stays is personal, or equal to something the claimant has.")
    effect.notes.append("Profiles stay with their people.")
    write_down(device, owner_id, claimant_id, effect)


def brought_by(device: Device, owner_id: str) -> Keys:
    """Primary keys of all rows that rebinds and transfers of a device gave to a user."""
    keys: Keys = {}
    for moved in Rebind.objects.filter(device=device, target_id=owner_id).values_list("moved", flat=True):
        for label, values in moved.items():
            keys.setdefault(label, []).extend(values)
    return keys


def take_back(conflict: RebindConflict, audit: RebindAudit) -> Effect:
    if not undoable().filter(pk=audit.pk).exists():
        raise Refused("This was undone already, or is more than seven days old.")
    done = Effect(**audit.effect)
    owner_id = conflict.device.rebound_to_id
    effect = Effect(owner_before=owner_id, owner_after=owner_id)
    if done.moved:
        give_back(conflict.device, done, effect)
    if owner_id == done.owner_after:
        effect.owner_after = done.owner_before
        Device.objects.filter(pk=conflict.device_id).update(rebound_to=done.owner_before)
    else:
        effect.notes.append("The device has changed hands since; it stays where it is.")
    reopen(conflict, effect)
    return effect


def give_back(device: Device, done: Effect, effect: Effect) -> None:
    """Move exactly the rows that were moved, those that are still the new owner's."""
    new_owner, old_owner = str(done.owner_after), str(done.owner_before)
    lock_both(new_owner, old_owner)
    labels = ownership.by_label()
    for label, keys in done.moved.items():
        if label in labels:
            move(labels[label], keys, new_owner, old_owner, effect)
        lost = without(keys, effect.moved.get(label, []))
        if lost:
            effect.left[label] = lost
    if effect.left:
        effect.notes.append("What cannot be restored was deleted, or belongs to somebody else by now.")
    write_down(device, new_owner, old_owner, effect)


def reopen(conflict: RebindConflict, effect: Effect) -> None:
    """The question is open again, unless the claimant has asked it anew."""
    same = RebindConflict.objects.filter(
        device=conflict.device, claimant_id=conflict.claimant_id, resolved_at=None
    )
    if same.exclude(pk=conflict.pk).exists():
        effect.notes.append("A newer conflict about the same claim is open; this one stays closed.")
        return
    RebindConflict.objects.filter(pk=conflict.pk).update(resolution="", resolved_at=None)


def move(model: type[OwnedModel], keys: list[Any], source_id: str, target_id: str, effect: Effect) -> None:
    """Move rows; those that would collide with a row of the target stay where they are."""
    label = model._meta.label_lower
    try:
        with transaction.atomic():
            moved = ownership.move_keys(model, keys, source_id, target_id)
    except IntegrityError:
        moved = move_one_by_one(model, keys, source_id, target_id)
        effect.left[label] = without(keys, moved)
    if moved:
        effect.moved[label] = moved


def without(keys: list[Any], moved: list[Any]) -> list[Any]:
    known = {str(key) for key in moved}
    return [key for key in keys if str(key) not in known]


def move_one_by_one(
    model: type[OwnedModel], keys: Iterable[Any], source_id: str, target_id: str
) -> list[Any]:
    moved: list[Any] = []
    for key in keys:
        try:
            with transaction.atomic():
                moved += ownership.move_keys(model, [key], source_id, target_id)
        except IntegrityError:
            continue
    return moved


def write_down(device: Device, source_id: str, target_id: str, effect: Effect) -> None:
    """So that a later transfer knows these rows as the device's."""
    Rebind.objects.create(
        device=device, source_id=source_id, target_id=target_id, rows=effect.rows, moved=effect.moved
    )


def lock_both(*principal_ids: str) -> None:
    """In the order of their ids, so that two transfers never wait for each other."""
    for principal_id in sorted(principal_ids):
        ownership.lock_principal(principal_id)
