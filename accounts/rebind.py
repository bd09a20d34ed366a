"""Giving a user what their device did before they signed in."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts import devices, outbox, ownership
from accounts.models import ANONYMOUS_PREFIX, Device, Principal, Rebind, RebindConflict, Session
from manticscore import errors
from manticscore.lib.faults import crash_point

PATIENCE = 8.0  # seconds in which a rebind that keeps meeting writers is tried again
LONGEST_WAIT = 0.4  # seconds between two tries
# A writer that has locked one of the device's rows and now wants to insert another one waits for us, as
# we wait for its row. We give way first: sooner than PostgreSQL, after 1 s, picks one of the two.
MOVE_LOCK_TIMEOUT = "300ms"
GIVE_WAY = frozenset({"40001", "40P01", "55P03"})  # serialization, deadlock, lock not available

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rebind did."""

    rebound: bool
    rows_updated: int
    anon_uuid: str | None


NOTHING = Outcome(False, 0, None)


def rebind(*, user_id: str, device_id: str) -> Outcome:
    """Give everything that a device's anonymous principal owns to a user, in one transaction.

    1. Lock the device, so that claims of it come one after the other.
    2. Refuse it when another user has it: nothing changes but the conflict for staff to settle.
    3. Lock the anonymous principal, which lets its writers finish and holds up new ones, then the user.
    4. Move the rows of every owned table; mark the principal as rebound, so that the database hands
       on what late writers still write.
    5. End the anonymous sessions, free the device for a fresh principal, queue the analytics alias.

    Raises Conflict, or Unavailable when the device's rows stay busy.
    """
    digest = devices.device_digest(device_id)
    outcome = patiently(partial(claim, digest, user_id))
    if outcome is None:
        raise errors.Conflict(f"device {device_id} already rebound to a different user")
    return outcome


def patiently(step: Callable[[], T]) -> T:
    """Do `step` in a transaction, again as long as others' writes come in between."""
    deadline = time.monotonic() + PATIENCE
    wait = 0.02
    while True:
        try:
            with transaction.atomic(durable=True):
                return step()
        except (IntegrityError, OperationalError) as error:
            if not is_collision(error):
                raise
            if time.monotonic() > deadline:
                if isinstance(error, IntegrityError):
                    raise  # not a coincidence: a table does not say how its collisions are settled
                raise errors.Unavailable(
                    "The device is busy. Retry in a few seconds.", retry_after=5
                ) from error
        time.sleep(wait * random.uniform(0.5, 1))
        wait = min(LONGEST_WAIT, wait * 2)


def is_collision(error: Exception) -> bool:
    """Whether somebody else's write came in between, so that another try can succeed."""
    if isinstance(error, IntegrityError):
        return True  # the user made the same thing at this moment; the next try merges with it
    return getattr(error.__cause__, "sqlstate", None) in GIVE_WAY


def claim(digest: bytes, user_id: str) -> Outcome | None:
    """One try, inside a transaction; None when the device is another user's."""
    device = devices.locked(digest)
    if device is None:
        return NOTHING
    if device.rebound_to_id is not None and device.rebound_to_id != user_id:
        record_conflict(device, str(device.rebound_to_id), user_id)
        return None
    if device.principal_id is None:
        return NOTHING
    source_id = str(device.principal_id)
    if device.rebound_to_id == user_id and not ownership.has_rows(source_id):
        return NOTHING  # this user's device was used anonymously again, but nothing came of it
    return give(device, source_id, user_id)


def give(device: Device, source_id: str, user_id: str) -> Outcome:
    source = ownership.lock_principal(source_id)
    user = ownership.lock_principal(user_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [MOVE_LOCK_TIMEOUT])
    moved = ownership.move_everything(source_id, user_id)
    count = sum(len(keys) for keys in moved.values()) + ownership.move_profile(source_id, user_id)
    source.rebound_to = user
    source.save(update_fields=["rebound_to"])
    Session.objects.filter(principal=source, revoked_at=None).update(revoked_at=Now())
    device.principal, device.rebound_to = None, user
    device.save(update_fields=["principal", "rebound_to"])
    earlier = last_source(device)
    Rebind.objects.create(device=device, source=source, target=user, rows=count, moved=moved)
    outbox.add_alias(user_id=user_id, source_id=source_id, after=earlier)
    crash_point("rebind:written")
    return Outcome(True, count, source_id.removeprefix(ANONYMOUS_PREFIX))


def last_source(device: Device) -> str | None:
    """The anonymous principal that this device's previous rebind was about."""
    earlier = Rebind.objects.filter(device=device, source__id__startswith=ANONYMOUS_PREFIX)
    return earlier.order_by("-id").values_list("source_id", flat=True).first()


def record_conflict(device: Device, present_owner_id: str, claimant_id: str) -> None:
    """One row per claim, however often it is made; a claim that staff turned down is not asked again."""
    Principal.objects.bulk_create([Principal(id=claimant_id)], ignore_conflicts=True)
    turned_down = models.Q(resolution=RebindConflict.Resolution.KEEP, present_owner_id=present_owner_id)
    known = RebindConflict.objects.filter(device=device, claimant_id=claimant_id)
    known = known.filter(models.Q(resolved_at=None) | turned_down)
    latest = known.order_by(F("resolved_at").desc(nulls_first=True), "-id").first()
    if latest is None:
        RebindConflict.objects.create(
            device=device, present_owner_id=present_owner_id, claimant_id=claimant_id
        )
        return
    changes: dict[str, Any] = {"claims": F("claims") + 1, "last_claimed_at": Now()}
    if latest.resolved_at is None:
        changes["present_owner_id"] = present_owner_id
    RebindConflict.objects.filter(pk=latest.pk).update(**changes)
