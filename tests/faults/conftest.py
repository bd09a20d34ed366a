"""An installation whose workers are missed sooner than in earnest, and its server, which is not killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers import environment
from tests.helpers.installation import Installation, Server, fresh_database
from tests.helpers.visitors import Visitor

IMPATIENT = {"JOB_HEARTBEAT": "0.3", "JOB_STALLED_AFTER": "2", "JOB_SWEEP_INTERVAL": "0.3"}


@pytest.fixture(scope="package")
def installation(prepared: str) -> Iterator[Installation]:
    with fresh_database("faults", template=prepared) as url:
        yield Installation(environment.DIRECTORY / "faults", url, **IMPATIENT)


@pytest.fixture(scope="package")
def server(installation: Installation) -> Iterator[Server]:
    with installation.serve("--no-worker") as running:
        running.says("Listening on")
        yield running


@pytest.fixture
def visitor(server: Server) -> Iterator[Visitor]:
    with Visitor(server) as made:
        yield made
