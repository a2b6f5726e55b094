"""Pushes and writes into the online store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import msgspec
from feast import FeatureView, OnDemandFeatureView
from feast.data_source import PushMode
from feast.errors import FeastError

from ai_patterns.clients.feast import CONN_ID
from ai_patterns.core.clock import to_microseconds
from ai_patterns.errors import AIPatternsError, ServiceUnavailableError
from ai_patterns.services.edge.errors import RequestError
from ai_patterns.services.features.catalog import Catalog
from ai_patterns.services.features.rows import Columns, FeastRow, feast_rows

_FEW = 100
"""Rows that are converted on the event loop; more would hold other requests up."""


class Push(msgspec.Struct):
    """The body of `/push`."""

    push_source_name: str
    df: dict[str, list[Any]]
    allow_registry_cache: bool = True
    to: str = "online"
    transform_on_write: bool = True


class Write(msgspec.Struct):
    """The body of `/write-to-online-store`."""

    feature_view_name: str
    df: dict[str, list[Any]]
    allow_registry_cache: bool = True
    transform_on_write: bool = True


class RowWriter(Protocol):
    """Writes rows of a view without Feast's client between."""

    async def write(self, view: FeatureView, rows: list[FeastRow]) -> None:
        """Write them; `OSError` where the store is away."""


class Writer:
    """Writes what a request brings.

    What has rules of its own (on-demand views that transform what is written, the offline store, precomputed vectors)
    goes through Feast's `push` and `write_to_online_store`.

    Args:
        catalog: knows the views.
        quick: writes rows of any view, where there is a quicker way than the store's `online_write_batch`.
    """

    def __init__(self, catalog: Catalog, quick: RowWriter | None = None) -> None:
        self._catalog, self._store, self._quick = catalog, catalog.store, quick
        self.threads = ThreadPoolExecutor(8, "feature-writer")
        self.rows: dict[str, int] = {}
        self.newest: dict[str, int] = {}

    async def push(self, request: Push) -> None:
        """Write to every view that the push source feeds.

        Raises:
            FeastError: the registry does not know the source.
            RequestError: the rows do not fit the view.
            ServiceUnavailableError: the store cannot be written.
        """
        try:
            mode = PushMode[request.to.upper()]
        except KeyError:
            names = [item.name.lower() for item in PushMode]
            raise RequestError(f"`to` is one of {', '.join(names)}, not {request.to!r}") from None
        views = await self._catalog.fed_views(request.push_source_name, request.allow_registry_cache)
        if mode is not PushMode.ONLINE or self._catalog.has_vectors:
            await self._in_thread(lambda: self._store.push(request.push_source_name, _frame(request.df), True, mode))
            return
        for view in views:
            await self._write(view, request.df)

    async def write(self, request: Write) -> None:
        """Write to one view; see `push`."""
        view = await self._catalog.view(request.feature_view_name, request.allow_registry_cache)
        if isinstance(view, OnDemandFeatureView) or self._catalog.has_vectors:
            transform, name = request.transform_on_write, request.feature_view_name
            await self._in_thread(
                lambda: self._store.write_to_online_store(name, _frame(request.df), transform_on_write=transform)
            )
        else:
            await self._write(view, request.df)

    async def _write(self, view: FeatureView, columns: Columns) -> None:
        few = all(len(values) <= _FEW for values in columns.values())
        rows = feast_rows(view, columns) if few else await asyncio.to_thread(feast_rows, view, columns)
        if not rows:
            return
        if self._quick is not None:
            try:
                await self._quick.write(view, rows)
            except OSError as error:
                raise _unavailable(error) from error
        else:
            provider, config = self._store._get_provider(), self._store.config
            await self._in_thread(lambda: provider.online_write_batch(config, view, rows, None))
        newest = max(to_microseconds(row[2]) for row in rows)
        self.rows[view.name] = self.rows.get(view.name, 0) + len(rows)
        self.newest[view.name] = max(newest, self.newest.get(view.name, newest))

    async def _in_thread(self, work: Callable[[], None]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self.threads, self._in_turn, work)
        except (FeastError, AIPatternsError):
            raise
        except (TypeError, ValueError, KeyError) as error:
            raise RequestError(f"df: {error}") from error
        except Exception as error:
            raise _unavailable(error) from error

    def _in_turn(self, work: Callable[[], None]) -> None:
        with self._catalog.turn:
            work()


def _unavailable(error: Exception) -> ServiceUnavailableError:
    return ServiceUnavailableError(f"the online store cannot be written: {error}.", conn_id=CONN_ID)


def _frame(columns: Columns) -> Any:
    import pandas as pd

    return pd.DataFrame(columns)
