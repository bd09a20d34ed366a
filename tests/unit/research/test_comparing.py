"""Products of two artifacts of one question: which of them are the same."""

from __future__ import annotations

from typing import Any

import pytest

from research.results import comparing, differing
from tests.helpers.landscapes import landscape, player


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["name"] for row in rows]


CRM = player("Zoho CRM", domain="zoho.com")
BOOKS = player("Zoho Books", domain="zoho.com")
NAMELESS = player("Nobody", domain="")


@pytest.mark.parametrize(
    ("before", "after", "new", "gone"),
    [
        ([CRM, BOOKS], [CRM, BOOKS], [], []),
        ([CRM, BOOKS], [CRM], [], ["Zoho Books"]),
        ([CRM], [CRM, BOOKS], ["Zoho Books"], []),
        ([], [BOOKS, CRM], ["Zoho Books", "Zoho CRM"], []),
        ([player("Mealie")], [player("Mealie 2", domain="mealie.example")], [], []),
        ([NAMELESS, CRM], [player("Somebody", domain="")], ["Somebody"], ["Nobody", "Zoho CRM"]),
    ],
)
def test_products_that_share_a_site_are_told_apart_by_name(
    before: list[Any], after: list[Any], new: list[str], gone: list[str]
) -> None:
    old, later = landscape(emerging=before), landscape(emerging=after)
    found = comparing.compare(old, later)["competitors"]
    assert (names(found["new"]), names(found["gone"])) == (new, gone)
    diff = differing.diff(old, later)["competitors"]
    assert (names(diff["added"]), names(diff["dropped"])) == (new, gone)


def test_each_product_of_a_site_moves_by_itself() -> None:
    old, new = landscape(emerging=[CRM, BOOKS]), landscape(emerging=[{**CRM, "threat": 0.9}, BOOKS])
    (moved,) = comparing.compare(old, new)["competitors"]["moved"]
    assert (moved["name"], moved["threat_before"], moved["threat"]) == ("Zoho CRM", 0.5, 0.9)
