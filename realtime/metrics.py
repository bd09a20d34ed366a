"""What this process counts for Prometheus. Whoever does the counted thing moves its counter."""

from __future__ import annotations

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

PREFIX = "manticscore_"
LAGS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

open_websockets = Gauge(f"{PREFIX}open_websockets", "WebSockets open in this process", registry=REGISTRY)
open_ndjson_streams = Gauge(
    f"{PREFIX}open_ndjson_streams", "NDJSON streams open in this process", registry=REGISTRY
)
events_delivered = Counter(
    f"{PREFIX}events_delivered", "Stored events written to clients", ["transport"], registry=REGISTRY
)
delivered_by_ndjson = events_delivered.labels(transport="ndjson")
delivered_by_websocket = events_delivered.labels(transport="websocket")
delivery_lag = Histogram(
    f"{PREFIX}delivery_lag_seconds",
    "From an event's transaction to the hub handing it to its followers, oldest event of each page",
    buckets=LAGS,
    registry=REGISTRY,
)
hub_behind = Gauge(
    f"{PREFIX}hub_behind_events",
    "Events of watched streams that were stored and not yet read, at the hub's last sweep",
    registry=REGISTRY,
)
slow_readers_cut = Counter(
    f"{PREFIX}slow_readers_cut", "Connections cut because their client read nothing", registry=REGISTRY
)
evictions = Counter(
    f"{PREFIX}websocket_evictions", "WebSockets closed for a newer one of the same user", registry=REGISTRY
)
