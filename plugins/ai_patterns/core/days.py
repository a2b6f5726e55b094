"""Day partitions: one UTC day or a closed range of days, written as one key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Days:
    """The UTC days from `first` to `last`, both included.

    >>> Days.parse("2013-01-01/2013-03-31").count
    90
    >>> str(Days.parse("2013-01-01"))
    '2013-01-01'
    """

    first: dt.date
    last: dt.date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"the range ends on {self.last}, before it starts on {self.first}")

    @classmethod
    def parse(cls, key: str) -> Days:
        """Read a partition key: an ISO day, or two joined by `/` (ISO 8601 interval, both ends included).

        Raises:
            ValueError: the key has another form, or ends before it starts.
        """
        first, _, last = key.partition("/")
        try:
            return cls(dt.date.fromisoformat(first), dt.date.fromisoformat(last or first))
        except ValueError as error:
            raise ValueError(
                f"{key!r} is no partition key such as 2013-01-31 or 2013-01-01/2013-01-31: {error}"
            ) from None

    @property
    def count(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    @property
    def start(self) -> dt.datetime:
        """First instant of the range, UTC."""
        return midnight(self.first)

    @property
    def end(self) -> dt.datetime:
        """First instant after the range, UTC."""
        return midnight(self.last + dt.timedelta(days=1))

    def __iter__(self) -> Iterator[dt.date]:
        return (self.first + dt.timedelta(days=number) for number in range(self.count))

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}/{self.last}"


def midnight(day: dt.date) -> dt.datetime:
    """The instant at which a UTC day begins.

    >>> midnight(dt.date(2013, 1, 1)).isoformat()
    '2013-01-01T00:00:00+00:00'
    """
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def utc_day(value: dt.datetime) -> dt.date:
    """The UTC day of an instant."""
    return value.astimezone(dt.UTC).date()


def runs_of(days: Iterable[dt.date]) -> list[Days]:
    """Days as ranges without gaps, in order.

    >>> first = dt.date(2024, 1, 1)
    >>> [str(run) for run in runs_of([first, first + dt.timedelta(days=3), first + dt.timedelta(days=1)])]
    ['2024-01-01/2024-01-02', '2024-01-04']
    """
    found: list[Days] = []
    for day in sorted(days):
        if found and day - found[-1].last <= dt.timedelta(days=1):
            found[-1] = Days(found[-1].first, day)
        else:
            found.append(Days(day, day))
    return found


def cut(days: Days, rows: Mapping[dt.date, int], budget: int) -> list[Days]:
    """Ranges that together are `days`, each of at most `budget` rows or of one day.

    >>> first = dt.date(2024, 1, 1)
    >>> rows = {first: 3, first + dt.timedelta(days=1): 3, first + dt.timedelta(days=2): 9}
    >>> [str(part) for part in cut(Days(first, dt.date(2024, 1, 4)), rows, 6)]
    ['2024-01-01/2024-01-02', '2024-01-03', '2024-01-04']
    """
    parts: list[Days] = []
    first, held = days.first, 0
    for day in days:
        if held and held + rows.get(day, 0) > budget:
            parts.append(Days(first, day - dt.timedelta(days=1)))
            first, held = day, 0
        held += rows.get(day, 0)
    return [*parts, Days(first, days.last)]
