"""Rebinds, and the desk at which staff settle conflicts over devices.

Settling takes the permission `accounts.resolve_rebindconflict`, a page that shows exactly what would
happen, a reason, a tick and a POST. Whoever lacks the permission sees neither buttons nor pages.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from accounts import ownership, resolutions
from accounts.admin.base import ReadOnlyAdmin, table
from accounts.models import Rebind, RebindAudit, RebindConflict
from accounts.resolutions import Effect, Preview, Resolution

PERMISSION = "accounts.resolve_rebindconflict"
KEYS_SHOWN = 20


class ConfirmationForm(forms.Form):
    """What a person must give before rows change hands."""

    reason = forms.CharField(
        min_length=10,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80}),
        help_text="Who asked for it, and how you know that it is right. At least ten characters.",
    )
    confirmed = forms.BooleanField(label="I have read what will happen, and want it to happen.")
    fingerprint = forms.CharField(widget=forms.HiddenInput)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("resolved", "Resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(resolved_at__isnull=self.value() == "open")


class AgeFilter(admin.SimpleListFilter):
    title = "age"
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("day", "Up to a day"), ("week", "Up to a week"), ("older", "Older than a week")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        day, week = Now() - timedelta(days=1), Now() - timedelta(days=7)
        match self.value():
            case "day":
                return queryset.filter(created_at__gte=day)
            case "week":
                return queryset.filter(created_at__gte=week)
            case "older":
                return queryset.filter(created_at__lt=week)
        return queryset


@admin.register(RebindConflict)
class RebindConflictAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "device_id",
        "present_owner_id",
        "claimant_id",
        "claims",
        "created_at",
        "last_claimed_at",
        "state",
    )
    list_filter = (StateFilter, AgeFilter, "resolution")
    list_select_related = ("device",)
    fields = (
        "device",
        "present_owner",
        "claimant",
        "claims",
        "created_at",
        "last_claimed_at",
        "state",
        "resolved_at",
        "rows",
    )
    readonly_fields = ("state", "rows")
    search_fields = ("id", "device", "present_owner", "claimant")
    search_help_text = "A conflict's or device's number, or the whole id of a user."
    ordering = ("-id",)
    actions = ("keep", "transfer", "release")
    change_form_template = "admin/accounts/rebindconflict/change_form.html"

    @admin.display(description="State")
    def state(self, conflict: RebindConflict) -> str:
        return conflict.get_resolution_display() if conflict.resolved_at else "Open"

    @admin.display(description="Rows of both")
    def rows(self, conflict: RebindConflict) -> SafeString:
        people = [conflict.present_owner_id, conflict.claimant_id]
        brought = resolutions.brought_by(conflict.device, conflict.present_owner_id)
        lines = [
            (label, *(shown(of.get(person, 0)) for person in people), len(brought.get(label, [])))
            for label, of in ownership.counts(people).items()
        ]
        return table(("Table", "Present owner", "Claimant", "Brought by this device"), lines)

    # Permission: these names are what Django looks up for `permissions=["resolve"]`.

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION) and self.has_view_permission(request)

    @admin.action(description=Resolution.KEEP.label, permissions=["resolve"])
    def keep(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._go_to_page(request, queryset, Resolution.KEEP)

    @admin.action(description=Resolution.TRANSFER.label, permissions=["resolve"])
    def transfer(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._go_to_page(request, queryset, Resolution.TRANSFER)

    @admin.action(description=Resolution.RELEASE.label, permissions=["resolve"])
    def release(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._go_to_page(request, queryset, Resolution.RELEASE)

    def _go_to_page(
        self, request: HttpRequest, queryset: QuerySet[Any], resolution: Resolution
    ) -> HttpResponse | None:
        """Nothing happens from a list: each conflict has a page of its own to be confirmed on."""
        if len(chosen := list(queryset[:2])) != 1:
            self.message_user(request, "Choose one conflict at a time.", messages.ERROR)
            return None
        return HttpResponseRedirect(page_of("resolve", chosen[0].pk, resolution.value))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path(
                "<int:conflict_id>/resolve/<str:resolution>/",
                view(self.resolve_view),
                name="accounts_rebindconflict_resolve",
            ),
            path(
                "<int:conflict_id>/undo/<int:audit_id>/",
                view(self.undo_view),
                name="accounts_rebindconflict_undo",
            ),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        conflict = self.get_object(request, object_id)
        desk = self._desk(request, conflict) if conflict is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **desk})

    def _desk(self, request: HttpRequest, conflict: RebindConflict) -> dict[str, Any]:
        """What has been done about a conflict, and what this person may do."""
        may = self.has_resolve_permission(request)
        undoable = set(resolutions.undoable().filter(conflict=conflict).values_list("pk", flat=True))
        audits = RebindAudit.objects.filter(conflict=conflict).select_related("staff").order_by("-id")
        return {
            "resolutions": resolutions.legal_resolutions(conflict) if may else [],
            "history": [(audit, may and audit.pk in undoable) for audit in audits],
        }

    def resolve_view(self, request: HttpRequest, conflict_id: int, resolution: str) -> HttpResponse:
        conflict = self._conflict(request, conflict_id)
        if resolution not in Resolution.values:
            raise Http404
        chosen = Resolution(resolution)
        return self._confirm(
            request,
            conflict,
            title=str(chosen.label),
            look=partial(resolutions.preview, conflict.pk, chosen),
            do=partial(resolutions.resolve, conflict_id=conflict.pk, resolution=chosen),
        )

    def undo_view(self, request: HttpRequest, conflict_id: int, audit_id: int) -> HttpResponse:
        conflict = self._conflict(request, conflict_id)
        settled = RebindAudit.objects.filter(conflict=conflict, action__in=Resolution.values)
        audit = settled.filter(pk=audit_id).first()
        if audit is None:
            raise Http404
        return self._confirm(
            request,
            conflict,
            title=f"Undo: {Resolution(audit.action).label}",
            look=partial(resolutions.preview_undo, audit.pk),
            do=partial(resolutions.undo, audit_id=audit.pk),
        )

    def _conflict(self, request: HttpRequest, conflict_id: int) -> RebindConflict:
        if not self.has_resolve_permission(request):
            raise PermissionDenied
        conflict = RebindConflict.objects.select_related("device").filter(pk=conflict_id).first()
        if conflict is None:
            raise Http404
        return conflict

    def _confirm(
        self,
        request: HttpRequest,
        conflict: RebindConflict,
        *,
        title: str,
        look: Callable[[], Preview],
        do: Callable[..., RebindAudit],
    ) -> HttpResponse:
        """Show what would happen; on a complete POST make exactly that happen."""
        form = ConfirmationForm(request.POST) if request.method == "POST" else None
        try:
            if form is not None and form.is_valid():
                given = form.cleaned_data
                audit = do(staff=request.user, reason=given["reason"], fingerprint=given["fingerprint"])
                self.message_user(request, f"Done. {sentence(Effect(**audit.effect))}", messages.SUCCESS)
                return HttpResponseRedirect(page_of("change", conflict.pk))
            preview = look()
        except resolutions.Stale as stale:
            self.message_user(request, str(stale), messages.ERROR)
            return HttpResponseRedirect(request.path)
        except resolutions.Refused as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return HttpResponseRedirect(page_of("change", conflict.pk))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "conflict": conflict,
            "title": title,
            "effect": preview.effect,
            "summary": sentence(preview.effect),
            "moves": rows_of(preview.effect.moved),
            "stays": rows_of(preview.effect.left),
            "form": form or ConfirmationForm(initial={"fingerprint": preview.fingerprint}),
        }
        return TemplateResponse(request, "admin/accounts/rebindconflict/confirm.html", context)


@admin.register(Rebind)
class RebindAdmin(ReadOnlyAdmin):
    list_display = ("id", "device_id", "source_id", "target_id", "rows", "created_at")
    fields = ("device", "source", "target", "rows", "tables", "created_at")
    readonly_fields = ("tables",)
    search_fields = ("device", "source", "target")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("moved")  # thousands of keys in every row

    @admin.display(description="What moved")
    def tables(self, rebind: Rebind) -> SafeString:
        return table(("Table", "Rows", "Keys"), rows_of(rebind.moved))


@admin.register(RebindAudit)
class RebindAuditAdmin(ReadOnlyAdmin):
    list_display = ("id", "conflict_id", "action", "staff", "reason", "created_at", "undone_at")
    list_select_related = ("staff",)
    fields = ("conflict", "staff", "action", "reason", "what", "created_at", "undone_at")
    readonly_fields = ("what",)
    search_fields = ("conflict", "staff")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("effect")

    @admin.display(description="Effect")
    def what(self, audit: RebindAudit) -> SafeString:
        effect = Effect(**audit.effect)
        lines: list[tuple[Any, ...]] = [("moved", *row) for row in rows_of(effect.moved)]
        lines += [("not moved", *row) for row in rows_of(effect.left)]
        lines.append(("device", "", "", f"{effect.owner_before} → {effect.owner_after}"))
        return table(("", "Table", "Rows", "Keys"), lines)


def page_of(name: str, *arguments: Any) -> str:
    return reverse(f"admin:accounts_rebindconflict_{name}", args=arguments)


def shown(count: int) -> str:
    return str(count) if count <= ownership.COUNT_CAP else f"more than {ownership.COUNT_CAP}"


def rows_of(keys: ownership.Keys) -> list[tuple[str, int, str]]:
    """A line per table: how many, and which, as far as that can be read."""
    return [(label, len(values), listed(values)) for label, values in keys.items()]


def listed(values: list[Any]) -> str:
    return ", ".join(map(str, values[:KEYS_SHOWN])) + (" …" if len(values) > KEYS_SHOWN else "")


def sentence(effect: Effect) -> str:
    before, after = effect.owner_before or "nobody", effect.owner_after or "nobody"
    if before == after:
        device = f"The device stays with {after}."
    else:
        device = f"The device passes from {before} to {after}."
    left = sum(len(keys) for keys in effect.left.values())
    return f"{effect.rows} rows change hands, {left} do not. {device}"
