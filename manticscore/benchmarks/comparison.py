"""A server for comparison: the same GET written in other ways, beside ours.

`ours`: this project's handler and middleware. `stock`: Django's own, as `startproject` and the DRF
tutorial leave them.
"""

from __future__ import annotations

import sys
from typing import Any

ROUTES = "manticscore.benchmarks.comparison_urls"
STOCK_MIDDLEWARE = [
    "manticscore.middleware.RequestIdMiddleware",
    "manticscore.middleware.JsonErrorMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


def application(kind: str) -> Any:
    """The ASGI application of that kind, with the routes for comparison."""
    import django

    django.setup(set_prefix=False)
    from django.conf import settings
    from django.core.handlers.asgi import ASGIHandler

    settings.ROOT_URLCONF = ROUTES
    if kind == "stock":
        settings.MIDDLEWARE = STOCK_MIDDLEWARE
        return ASGIHandler()
    from manticscore.accesslog import AccessLog
    from manticscore.handler import HttpHandler

    return AccessLog(HttpHandler())


def main(kind: str) -> None:
    from realtime.serving.server import Server

    def listening(host: str, port: int) -> None:
        sys.stdout.write(f"Listening on http://{host}:{port}\n")
        sys.stdout.flush()

    endpoints = ["tcp:port=0:interface=127.0.0.1"]
    Server(application(kind), on_listening=listening, endpoints=endpoints).run()


if __name__ == "__main__":
    main(sys.argv[1])
