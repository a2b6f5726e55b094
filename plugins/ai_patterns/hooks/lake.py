"""The lake behind an Airflow connection."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ai_patterns.clients.home import Home
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.embedded import EmbeddedHook, location

if TYPE_CHECKING:
    from ai_patterns.clients.lake import Lake


class LakeHook(EmbeddedHook):
    """Opens the lake of a system.

    The connection's `host` is a folder or a URI (`s3://bucket/lake`, `hdfs://...`), its `extra` holds the storage
    options (credentials, endpoint). Without a connection it is the lake of `clients.home`.
    """

    default_conn_name = "ai_patterns_lake"
    conn_type = "ai_patterns_lake"
    hook_name = "AI patterns: Lake"

    def look(self) -> object:
        """Ask for something small."""
        return self.lake("look")

    def lake(self, system: str) -> Lake:
        """The lake of the system named `system`.

        Raises:
            ServiceUnavailableError: the connection leads to a place that cannot be reached.
        """
        from ai_patterns.clients.lake import Lake

        uri, options = self.target
        lake = Lake(uri, system, options)
        try:
            lake.exists("promotions")  # any look at the storage tells whether it answers
        except (OSError, RuntimeError) as error:
            raise ServiceUnavailableError(f"the lake {uri} is away: {error}.", conn_id=self.conn_id) from error
        return lake

    @cached_property
    def target(self) -> tuple[str, dict[str, str]]:
        """URI and storage options, plain enough to hand to a trigger.

        Raises:
            ServiceUnavailableError: the connection names a folder that is not there.
        """
        embedded = Home.from_environment().lake
        connection = self.find_connection(embedded)
        if connection is None:
            return embedded, {}
        uri = location(connection)
        if "://" not in uri and not Path(uri).is_dir():
            raise ServiceUnavailableError(f"the lake's folder {uri} is not there; is it mounted?", conn_id=self.conn_id)
        options = connection.extra_dejson.items()
        return uri, {name: str(value) for name, value in options if value not in (None, "")}
