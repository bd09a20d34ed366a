"""Client of the ManticScore API.

async with Client("https://api.example.com", anonymous("my-device")) as client:
    job_id = await client.start_research("a recipe box for families")
    async for event in client.events(f"/research/{job_id}/events", verify=True):
        print(event.seq, event.type)
"""

from manticscore_client.client import Client
from manticscore_client.events import Event
from manticscore_client.exceptions import (
    ApiError,
    ClientError,
    ConnectionLost,
    HistoryBroken,
    NotFound,
    Replaced,
    SocketClosed,
    TryLater,
    Unauthorized,
    Unverifiable,
)
from manticscore_client.history import History
from manticscore_client.sessions import Session, SignIn, Token, anonymous, fixed, from_jwt
from manticscore_client.socket import Socket
from manticscore_client.subscriptions import Subscription
from manticscore_client.timing import Timing

__all__ = [
    "ApiError",
    "Client",
    "ClientError",
    "ConnectionLost",
    "Event",
    "History",
    "HistoryBroken",
    "NotFound",
    "Replaced",
    "Session",
    "SignIn",
    "Socket",
    "SocketClosed",
    "Subscription",
    "Timing",
    "Token",
    "TryLater",
    "Unauthorized",
    "Unverifiable",
    "anonymous",
    "fixed",
    "from_jwt",
]
