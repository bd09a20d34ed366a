"""What every test may use. Helpers live in tests/helpers, rows are made by tests/factories."""

from __future__ import annotations

from tests.helpers import environment  # first: starts the database and sets Django up

# isort: split
import os
from collections.abc import Iterator

import hypothesis
import pytest

from tests.helpers import people
from tests.helpers.canaries import no_secrets_in_logs
from tests.helpers.clerk import keys_forgotten
from tests.helpers.hubs import hub_in_transaction
from tests.helpers.installation import Installation, fresh_database
from tests.helpers.people import Person
from tests.helpers.queue import empty_queue

__all__ = ["empty_queue", "environment", "hub_in_transaction", "keys_forgotten", "no_secrets_in_logs"]
hypothesis.settings.register_profile("suite", deadline=None)  # other work on the machine is no failure
hypothesis.settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Several test processes each have settings and a database server of their own, not those of this one."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


@pytest.fixture
def ada(db: None) -> Person:
    """The owner of things."""
    return people.person("ada")


@pytest.fixture
def guest(db: None) -> Person:
    """Somebody on a device that never signed in."""
    return people.person("guest")


@pytest.fixture
def mallory(db: None) -> Person:
    """A stranger who wants what is Ada's."""
    return people.person("mallory")


@pytest.fixture(scope="session")
def prepared() -> Iterator[str]:
    """Name of a database with the schema and a small corpus, for real processes to get copies of."""
    with fresh_database("prepared") as url:
        Installation(environment.DIRECTORY / "prepared", url).prepare()
        yield "prepared"
