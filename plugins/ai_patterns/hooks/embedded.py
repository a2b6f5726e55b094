"""Connections that may be absent: each has an embedded default below one folder."""

from __future__ import annotations

from abc import abstractmethod

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook, Connection

from ai_patterns.errors import AIPatternsError


class EmbeddedHook(BaseHook):
    """A hook whose connection may be absent.

    Args:
        conn_id: the Airflow connection; where it does not exist, the embedded default stands in.
    """

    conn_name_attr = "conn_id"
    default_conn_name: str

    def __init__(self, conn_id: str | None = None) -> None:
        super().__init__()
        self.conn_id = conn_id or self.default_conn_name

    @abstractmethod
    def look(self) -> object:
        """Ask what is behind the connection for something small.

        Raises:
            AIPatternsError: it is away, or refused.
        """

    def test_connection(self) -> tuple[bool, str]:
        """Whether it answers, and what is wrong where it does not, for the button in Airflow's form."""
        try:
            self.look()
        except AIPatternsError as error:
            return False, str(error)
        return True, "It answers."

    def find_connection(self, default: object) -> Connection | None:
        """The connection, or None with a line in the log that names the default that is used instead."""
        connection = self.configured()
        if connection is None:
            self.log.info("No connection %r: using the embedded default %s", self.conn_id, default)
        return connection

    def configured(self) -> Connection | None:
        """The connection, where Airflow knows it."""
        try:
            connection: Connection = self.get_connection(self.conn_id)
        except AirflowNotFoundException:
            return None
        return connection


def location(connection: Connection) -> str:
    """What a connection points to: `host` as a path or URI, or put together from type, host, port and schema.

    >>> location(Connection(conn_id="x", conn_type="generic", host="s3://bucket/lake"))
    's3://bucket/lake'
    >>> location(Connection(conn_id="x", conn_type="http", host="models", port=8000))
    'http://models:8000'
    """
    host = connection.host or ""
    if "://" in host or host.startswith("/"):
        return host
    scheme = connection.schema or ("https" if connection.conn_type == "https" else "http")
    return f"{scheme}://{host}" + (f":{connection.port}" if connection.port else "")
