"""Feast plug-ins that stand alone: name them in any `feature_store.yaml`.

```yaml
offline_store: {type: ai_patterns.feast.DuckDBOfflineStore}
online_store: {type: ai_patterns.feast.RedisOnlineStore, connection_string: "localhost:6379"}
batch_engine: {type: ai_patterns.feast.MaterializationEngine}
```

Nothing of the specs, the lake or the DAGs is needed, and Airflow is not imported. Each name is loaded when it is asked
for, since Feast's modules take seconds and Redis is an extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PLACES = {
    "DuckDBOfflineStore": "offline",
    "MaterializationEngine": "engine",
    "OnlineReader": "reading",
    "RedisOnlineStore": "redis",
    "RedisRequests": "redis_requests",
    "SqliteOnlineStore": "sqlite",
    "Written": "writing",
    "open_reader": "reading",
    "write_arrow": "writing",
}

__all__ = sorted(_PLACES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name.removesuffix("Config"))
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{place}"), name)
