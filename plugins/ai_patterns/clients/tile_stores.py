"""Which store of tiles an address names."""

from __future__ import annotations

from pathlib import Path

from ai_patterns.clients.tile_store import CONN_ID, TileStore
from ai_patterns.errors import ServiceRejectedError
from ai_patterns.spec.system import SystemSpec


def open_tile_store(system: SystemSpec, url: str) -> TileStore:
    """Open the online store of a system's tiles.

    Args:
        system: the system.
        url: `redis://host:port/0`, or `sqlite:///` and a path, which for an absolute one gives four slashes.

    Raises:
        ServiceRejectedError: the address names neither.
        ServiceUnavailableError: the store does not answer.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        from ai_patterns.clients.tile_store_sqlite import SqliteTileStore

        return SqliteTileStore(system, Path(rest[1:]))
    if scheme in {"redis", "rediss"}:
        from ai_patterns.clients.tile_store_redis import RedisTileStore

        return RedisTileStore(system, url)
    raise ServiceRejectedError(
        f"{scheme!r} is no store of tiles; the address is `redis://host:port/0` or `sqlite:///path`", conn_id=CONN_ID
    )
