"""The Feast repositories behind an Airflow connection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ai_patterns.clients.home import Home
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.embedded import EmbeddedHook, location

if TYPE_CHECKING:
    from ai_patterns.clients.tile_store import TileStore
    from ai_patterns.spec.system import SystemSpec


class FeatureStoreHook(EmbeddedHook):
    """Knows where a system's Feast repository and its online store lie.

    The connection's `host` is the folder that holds one repository for each system, and `tiles` in its `extra` the URL
    of the online tiles, such as `redis://redis:6379/0`. Without a connection they are those of `clients.home`.
    """

    default_conn_name = "ai_patterns_online_store"
    conn_type = "ai_patterns_online_store"
    hook_name = "AI patterns: Feature store"

    def look(self) -> object:
        """Ask for something small."""
        return self.root()

    def folder(self, system: str) -> Path:
        """Folder of the Feast repository of the system named `system`; made where it is embedded.

        Raises:
            ServiceUnavailableError: the connection names a folder that is not there.
        """
        folder = self.root() / system
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def root(self) -> Path:
        """Folder of all systems' repositories.

        Raises:
            ServiceUnavailableError: the connection names a folder that is not there.
        """
        embedded = Home.from_environment().features
        connection = self.find_connection(embedded)
        if connection is None:
            return embedded
        root = Path(location(connection))
        if not root.is_dir():
            raise ServiceUnavailableError(f"the feature store's folder {root} is not there.", conn_id=self.conn_id)
        return root

    def tile_store(self, system: SystemSpec) -> TileStore:
        """The online tiles of a system.

        Raises:
            ServiceUnavailableError: they are away.
        """
        from ai_patterns.clients.tile_stores import open_tile_store

        connection = self.find_connection("tiles beside the Feast repository")
        told = connection.extra_dejson.get("tiles") if connection is not None else None
        return open_tile_store(system, told or Home.from_environment().tiles_of(self.folder(system.name)))
