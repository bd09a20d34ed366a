"""Risk, effort and confidence by stated rules, each with its reasons.

What a node touches is declared by its template and read from the feature's own words. A model may raise
what these rules say and never lower it: see `raised`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from buildgraphs.schemas import EFFORTS, RISKS, Assessment, Effort, Level, Reason, Risk
from manticscore.lib.words import stems

Ordered = TypeVar("Ordered", bound=str)

# What can be touched: how risky that is, and why.
TOUCHES: dict[str, tuple[Risk, str]] = {
    "money": ("red", "touches money: a mistake costs somebody money"),
    "authentication": ("red", "touches authentication: a mistake lets the wrong person in"),
    "personal data": ("yellow", "touches personal data: a mistake shows what is private"),
    "migrations": ("yellow", "changes stored data: a mistake is not undone by going back to older code"),
    "external systems": ("yellow", "depends on an external system that fails and changes on its own"),
    "deletion": ("yellow", "deletes data: a mistake cannot be undone"),
    "public access": ("yellow", "is open to strangers: a mistake is found by others first"),
}
# Words of a feature that say what it touches, whatever kind of feature it is.
WORDS: dict[str, frozenset[str]] = {
    facet: frozenset(stems(words))
    for facet, words in {
        "money": "accounting bank billable billing budget buy cart checkout coupon cost credit currency"
        " debt deposit discount donation expense fee finance fundraising insurance invoice invoicing money"
        " mortgage order pay payable payment payout payroll payslip price pricing purchase receipt refund"
        " reimbursement rent salary sell spending subscription tax transaction vat voucher wage wallet",
        "authentication": "password login log-in sign-in signin authentication oauth sso ldap saml oidc"
        " passkey credential secret vault 2fa mfa totp permission encryption decryption",
        "personal data": "profile health medical patient location face photo contact address family child"
        " diary journal salary payroll birthday biometric identity message",
        "external systems": "api integration sync webhook connector email sms federation import google zoom"
        " website",
    }.items()
}
# Uses of those words that touch nothing.
HARMLESS = re.compile(
    r"\bin order (?:of|that|to)\b|\b(?:alphabetical|chronological|custom|manual|rank|reading|reverse|sort"
    r"|sorting) orders?\b|\border(?:ed|ing)? (?:by|of)\b|\b(?:calendar|channel|feed|newsletter|podcast|rss)"
    r" subscriptions?\b",
    re.IGNORECASE,
)
MANY_TOUCHES = 3
MANY_UNKNOWNS = 2
POINTS: dict[Effort, int] = {"small": 1, "medium": 2, "large": 4, "very_large": 8}


def touched(declared: Iterable[str], words: str) -> tuple[str, ...]:
    """What a node touches, in the order of the table."""
    found = set(stems(HARMLESS.sub(" ", words)))
    named = {*declared, *(facet for facet, telling in WORDS.items() if telling & found)}
    return tuple(facet for facet in TOUCHES if facet in named)


def assess(
    touches: Sequence[str], effort: Effort, unknowns: Sequence[str], *, recognised: bool, sources: int
) -> Assessment:
    """The rules' word on a node. `sources` counts statements about how others do it."""
    risk, risk_reasons = risk_of(touches, unknowns)
    size, size_reasons = effort_of(touches, effort, unknowns)
    sure, sure_reasons = confidence_of(size, unknowns, recognised, sources)
    reasons = {"risk": risk_reasons, "effort": size_reasons, "confidence": sure_reasons}
    return Assessment(
        risk=risk,
        effort=size,
        confidence=sure,
        unknowns=list(unknowns),
        reasons=[Reason(about=about, text=text) for about, texts in reasons.items() for text in texts],  # type: ignore[arg-type]
    )


def risk_of(touches: Sequence[str], unknowns: Sequence[str]) -> tuple[Risk, list[str]]:
    risk = highest(RISKS, [TOUCHES[facet][0] for facet in touches])
    reasons = [TOUCHES[facet][1] for facet in touches]
    if len(touches) >= MANY_TOUCHES and risk != "red":
        risk = "red"
        reasons.append(f"touches {len(touches)} sensitive things at once")
    if len(unknowns) >= MANY_UNKNOWNS and risk == "green":
        risk = "yellow"
        reasons.append(f"{len(unknowns)} questions are open")
    return risk, reasons or ["touches nothing sensitive"]


def with_parts(whole: Assessment, parts: Sequence[tuple[str, Assessment]]) -> Assessment:
    """The assessment with the highest risk of the named parts, where that is above its own."""
    risk = highest(RISKS, [each.risk for _, each in parts])
    if RISKS.index(risk) <= RISKS.index(whole.risk):
        return whole
    told: dict[str, Reason] = {}  # by text, so that what holds for many parts is said of the first
    for name, part in parts:
        for reason in part.reasons:
            if reason.about == "risk" and part.risk == risk:
                told.setdefault(reason.text, Reason(about="risk", text=f"{name}: {reason.text}"))
    own = [each for each in whole.reasons if each.about != "risk" or whole.risk != RISKS[0]]
    return whole.model_copy(update={"risk": risk, "reasons": [*told.values(), *own]})


def effort_of(touches: Sequence[str], effort: Effort, unknowns: Sequence[str]) -> tuple[Effort, list[str]]:
    reasons = [f"work of this kind is usually {effort.replace('_', ' ')}"]
    steps = 0
    if len(touches) >= MANY_TOUCHES:
        steps += 1
        reasons.append(f"{len(touches)} sensitive things need care and tests of their own")
    if len(unknowns) >= MANY_UNKNOWNS:
        steps += 1
        reasons.append(f"{len(unknowns)} open questions have to be answered first")
    return EFFORTS[min(EFFORTS.index(effort) + steps, len(EFFORTS) - 1)], reasons


def confidence_of(
    effort: Effort, unknowns: Sequence[str], recognised: bool, sources: int
) -> tuple[Level, list[str]]:
    if not recognised:
        return "low", ["the feature resembles no kind of feature that is known"]
    if len(unknowns) >= MANY_UNKNOWNS:
        return "low", [f"{len(unknowns)} questions are open"]
    if unknowns:
        return "medium", ["one question is open"]
    if effort != "small" and not sources:
        return "medium", ["larger than small, and no source shows how others do it"]
    shown = f"{sources} statements of sources show how others do it" if sources else "small and well known"
    return "high", [shown]


def highest(scale: Sequence[Ordered], found: Iterable[Ordered]) -> Ordered:
    """The highest of the values on a scale; its lowest where there are none."""
    return max(found, key=scale.index, default=scale[0])


def raised(ruled: Assessment, risk: Risk, reason: str) -> Assessment:
    """The assessment with the risk somebody else sees in it, unless that is lower than the rules'."""
    if RISKS.index(risk) <= RISKS.index(ruled.risk):
        return ruled
    added = Reason(about="risk", text=reason or "raised by the language model")
    return ruled.model_copy(update={"risk": risk, "reasons": [*ruled.reasons, added]})


def together(efforts: Iterable[Effort]) -> Effort:
    """The effort of all of them."""
    points = sum(POINTS[effort] for effort in efforts)
    return next((effort for effort in EFFORTS if points <= POINTS[effort]), EFFORTS[-1])
