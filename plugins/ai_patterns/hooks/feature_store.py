"""The Feast repositories behind an Airflow connection."""

from __future__ import annotations

from pathlib import Path

from ai_patterns.clients.home import Home
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.embedded import EmbeddedHook, location


class FeatureStoreHook(EmbeddedHook):
    """Knows where a system's Feast repository and its online store lie.

    The connection's `host` is the folder that holds one repository for each system. Without a connection it is
    the folder of `clients.home`.
    """

    default_conn_name = "ai_patterns_online_store"

    def folder(self, system: str) -> Path:
        """Folder of the Feast repository of the system named `system`; made where it is embedded.

        Raises:
            ServiceUnavailableError: the connection names a folder that is not there.
        """
        root = Home.from_environment().features
        connection = self.find_connection(root)
        if connection is not None:
            root = Path(location(connection))
            if not root.is_dir():
                raise ServiceUnavailableError(f"the feature store's folder {root} is not there.", conn_id=self.conn_id)
        folder = root / system
        folder.mkdir(parents=True, exist_ok=True)
        return folder
