"""No test reaches beyond this machine."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from pytest_socket import SocketConnectBlockedError

# pytest-socket warns before it raises, and here warnings are errors.
BLOCKED = (SocketConnectBlockedError, UserWarning)


@pytest.mark.parametrize("address", ["192.0.2.1", "8.8.8.8", "169.254.169.254", "10.0.0.1"])
def test_addresses_outside_are_blocked(address: str) -> None:
    with socket.socket() as connection, pytest.raises(BLOCKED, match=r"tried to use socket\.socket\.connect"):
        connection.connect((address, 80))


def test_libraries_are_blocked_too() -> None:
    with pytest.raises(BLOCKED, match=r"tried to use socket\.socket\.connect"):
        urllib.request.urlopen("http://192.0.2.1/", timeout=1)


def test_this_machine_is_allowed() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname(), timeout=5) as client:
            assert client.getpeername() == server.getsockname()
