"""The table of channels against the contract's."""

from __future__ import annotations

import pytest

from realtime.topics import LONG_LIVED, TERMINAL_STATUSES, Channel, terminal_status

CONTRACT = {
    "research": {"completed", "failed"},
    "build": {"ready", "failed"},
    "brief": {"ready", "failed"},
    "forge": {"completed", "failed", "cancelled", "rejected"},
    "feature_research": {"completed", "failed"},
    "chat": {"completed", "failed"},
    "signal_crawl": {"completed", "failed"},
    "company_enrich": {"enriched", "failed"},
    "implement": {"completed", "failed"},
    "learning": {"completed", "failed"},
    "project": set(),
}


def test_every_channel_has_the_terminal_statuses_of_the_contract() -> None:
    assert {channel: set(statuses) for channel, statuses in TERMINAL_STATUSES.items()} == CONTRACT
    assert set(Channel.values) == set(CONTRACT)
    assert set(CONTRACT) > LONG_LIVED


@pytest.mark.parametrize(
    ("channel", "outcome", "status"),
    [
        ("research", "completed", "completed"),
        ("build", "completed", "ready"),
        ("brief", "completed", "ready"),
        ("company_enrich", "completed", "enriched"),
        ("forge", "cancelled", "cancelled"),
        ("forge", "rejected", "rejected"),
        ("research", "cancelled", "failed"),
        ("build", "failed", "failed"),
        ("chat", "rejected", "failed"),
    ],
)
def test_an_outcome_is_told_in_the_channels_own_words(channel: str, outcome: str, status: str) -> None:
    assert terminal_status(channel, outcome) == status
