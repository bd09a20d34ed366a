"""A real server for the clients, without a worker until a test starts one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers import environment
from tests.helpers.installation import Installation, Running, Server, fresh_database


@pytest.fixture(scope="package")
def installation(prepared: str) -> Iterator[Installation]:
    with fresh_database("clients", template=prepared) as url:
        yield Installation(environment.DIRECTORY / "clients", url)


@pytest.fixture(scope="package")
def server(installation: Installation) -> Iterator[Server]:
    with installation.serve("--no-worker") as running:
        running.says("Listening on")
        yield running


@pytest.fixture
def worker(installation: Installation) -> Iterator[Running]:
    with installation.work() as running:
        yield running
