"""A hub in the test's own event loop, and a real server process that all tests here share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from realtime import hub as hubs
from realtime.hub import Hub
from tests.helpers import environment
from tests.helpers.installation import Installation, Server, fresh_database
from tests.helpers.visitors import Visitor


@pytest.fixture
async def hub(transactional_db: None) -> AsyncIterator[Hub]:
    started = Hub(hubs.conninfo())
    await started.start()
    yield started
    await started.stop()


@pytest.fixture(scope="session")
def installation(prepared: str) -> Iterator[Installation]:
    with fresh_database("streams", template=prepared) as url:
        yield Installation(environment.DIRECTORY / "streams", url, STREAM_HEARTBEAT="1")


@pytest.fixture(scope="session")
def server(installation: Installation) -> Iterator[Server]:
    with installation.serve() as running:
        running.says("Listening on")
        yield running


@pytest.fixture
def visitor(server: Server) -> Iterator[Visitor]:
    with Visitor(server) as made:
        yield made


@pytest.fixture
def stranger(server: Server) -> Iterator[Visitor]:
    with Visitor(server) as made:
        yield made


@pytest.fixture(scope="session")
def reader(server: Server) -> Iterator[Visitor]:
    """Whose job has finished."""
    with Visitor(server) as made:
        yield made


@pytest.fixture(scope="session")
def finished(reader: Visitor) -> str:
    """The id of the reader's finished job."""
    return reader.finish()
