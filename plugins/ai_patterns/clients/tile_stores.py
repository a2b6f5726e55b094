"""Opens the online store of tiles that a URL names."""

from __future__ import annotations

from pathlib import Path

from ai_patterns.clients.tile_notes import CONN_ID
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_store_sqlite import SqliteTileStore
from ai_patterns.errors import MissingDependencyError, ServiceRejectedError
from ai_patterns.spec.system import SystemSpec


def tiles_exist(url: str) -> bool:
    """Whether a store was ever made at `url`; one on a server is taken to be there."""
    scheme, _, place = url.partition("://")
    return scheme != "sqlite" or Path(place.removeprefix("/")).is_file()


def open_tile_store(system: SystemSpec, url: str) -> TileStore:
    """The store at `sqlite:///path` (an absolute path gives four slashes) or `redis://host:port/0`.

    Raises:
        MissingDependencyError: Redis' client is not installed.
        ServiceRejectedError: the URL names no store that is known.
        ServiceUnavailableError: the store cannot be opened.
    """
    scheme, _, place = url.partition("://")
    if scheme == "sqlite":
        return SqliteTileStore(system, Path(place.removeprefix("/")))
    if scheme in {"redis", "rediss"}:
        try:
            from ai_patterns.clients.tile_store_redis import RedisTileStore
        except ImportError as error:
            raise MissingDependencyError("redis", "redis") from error
        return RedisTileStore(system, url)
    raise ServiceRejectedError(
        f"{scheme!r} is no store of tiles; write sqlite:////srv/tiles.db or redis://host:6379/0", conn_id=CONN_ID
    )
