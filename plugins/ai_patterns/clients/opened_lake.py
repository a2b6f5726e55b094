"""A lake for one look at many of its tables: a page, or a command that people wait for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ai_patterns.clients.kept_tables import KeptTables
from ai_patterns.clients.lake import Lake

if TYPE_CHECKING:
    from deltalake import DeltaTable

T = TypeVar("T")


@dataclass(frozen=True)
class OpenedLake(Lake):
    """A lake that looks at the ledger of holds once, and opens each table once, as it is when it is first asked for.

    Reading a table's log takes as long as many a query. Make one for each look, and never one to write with: what
    others commit meanwhile it does not see.

    Attributes:
        kept: tables that are still as an earlier look read them.
    """

    kept: KeptTables = field(default_factory=KeptTables, repr=False)
    _opened: dict[tuple[str, int | None], DeltaTable] = field(default_factory=dict, init=False, repr=False)
    _holds: list[tuple[str, dict[str, int]]] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def over(cls, lake: Lake, kept: KeptTables | None = None) -> OpenedLake:
        """The same lake, with nothing opened but what is `kept`."""
        return cls(lake.uri, lake.system, lake.options, kept or KeptTables())

    def open(self, table: str, version: int | None = None) -> DeltaTable:
        """As of `Lake`, at the first call."""
        place = table, version
        if place not in self._opened:
            newest = version is None and table not in self.held()[1]
            self._opened[place] = (
                self.kept.open(self.path(table), partial(Lake.open, self, table))
                if newest
                else Lake.open(self, table, version)
            )
        return self._opened[place]

    def held(self) -> tuple[str, dict[str, int]]:
        """As of `Lake`, at the first call."""
        if not self._holds:
            self._holds.append(super().held())
        return self._holds[0]

    def consistently(self, read: Callable[[], T]) -> T:
        """As of `Lake`, with all tables opened anew: those from before the look at the ledger may be older."""

        def anew() -> T:
            self._opened.clear()
            self._holds.clear()
            return read()

        return super().consistently(anew)
