"""A session of Flink's SQL gateway (its REST interface, version 1)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from ai_patterns.clients.flink_rest import Rest
from ai_patterns.errors import ServiceUnavailableError

STATEMENT_SECONDS = 180.0


class Session:
    """Runs statements that see one another's temporary tables; closing it leaves submitted jobs alone.

    Args:
        rest: the SQL gateway.
        properties: Flink's settings for what the session submits.
    """

    def __init__(self, rest: Rest, properties: Mapping[str, str]) -> None:
        self._rest = rest
        self._path = (
            f"/v1/sessions/{rest.ask('POST', '/v1/sessions', {'properties': dict(properties)})['sessionHandle']}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rest.ask("DELETE", self._path)

    def settings(self) -> dict[str, str]:
        """Flink's settings as the gateway knows them, the session's own among them."""
        settings: dict[str, str] = self._rest.ask("GET", self._path)["properties"]
        return settings

    def run(self, statement: str) -> list[list[Any]]:
        """Run one statement; return its rows. An INSERT of an endless job gives one row with the job's id.

        Raises:
            ServiceUnavailableError: Flink is away, or does not answer in time.
            ServiceRejectedError: the statement is wrong.
        """
        asked = self._rest.ask("POST", f"{self._path}/statements", {"statement": statement})
        page: str | None = f"{self._path}/operations/{asked['operationHandle']}/result/0?rowFormat=JSON"
        rows, deadline = [], time.monotonic() + STATEMENT_SECONDS
        while page:
            found = self._rest.ask("GET", page)
            if found["resultType"] == "NOT_READY":
                if time.monotonic() > deadline:
                    raise ServiceUnavailableError(f"no answer to {statement[:80]!r} within {STATEMENT_SECONDS:g} s.")
                time.sleep(0.05)
                continue
            rows += [row["fields"] for row in found["results"]["data"]]
            page = found.get("nextResultUri") if found["resultType"] != "EOS" else None
        return rows
