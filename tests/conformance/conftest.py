"""One real server with an application that echoes, shared by all cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.serving import PLAIN, Served, served
from tests.helpers.wire import Wire


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("conformance"), PLAIN, LOG_LEVEL="INFO") as running:
        yield running
    failures = [line for line in running.log.splitlines() if "Traceback" in line]
    assert [line for line in failures if "on purpose" not in line] == []


@pytest.fixture
def wire(echo: Served) -> Iterator[Wire]:
    with Wire(echo.port) as opened:
        yield opened
