"""Weeks without any change, and weeks with a fault, made of a real year: what a rule does on each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from ai_patterns.core.bins import fit_bins
from ai_patterns.core.daily_profiles import Profiles
from ai_patterns.core.drift_rule import decide, history_days
from ai_patterns.core.profiling import profile_days
from ai_patterns.spec.monitoring import MonitoringSpec
from drift_faults import CLOCKS, FAULTS, strikes, to_columns, to_rows

WEEK = 7
NULLS = ("day", "14-day", "28-day", "real")
"""Days permuted among those of their weekday, blocks of days permuted, and the real order, forwards and backwards."""
SPEC = MonitoringSpec(clocks=CLOCKS)
HISTORY = history_days(WEEK, SPEC)

Rule = Callable[[Profiles], tuple[float, str]]
"""Judges the last week of consecutive days: over 1 is an alarm, and the feature that is named first."""


@dataclass(frozen=True)
class Week:
    """A week and its history: days in the order of a null, the week last; with the fault in it, if any."""

    days: tuple[int, ...]
    fault: str = ""
    feature: str = ""


class Year:
    """Profiles of a real year, and the rows behind them.

    Args:
        rows: features with `day`, ordered by it; whole weeks of days.

    Attributes:
        bins: what is counted in.
        profiles: of every day.
        clean: features that hardly ever miss a value.
    """

    def __init__(self, rows: pa.Table) -> None:
        self._schema, self._columns = rows.schema, to_columns(rows)
        words = [field.name for field in rows.schema if pa.types.is_string(field.type)]
        numbers = [name for name in rows.column_names if name not in (*words, "day")]
        self.bins = fit_bins(rows, numbers, words)
        self.profiles = profile_days(rows, self.bins)
        shares = {name: found.sum() / self.profiles.rows.sum() for name, found in self.profiles.missing.items()}
        self.clean = {name for name, share in shares.items() if share < SPEC.max_missing_increase / 4}
        self._spread = {name: float(np.nanstd(self._columns[name])) for name in numbers}
        self._starts = np.searchsorted(self._columns["day"], np.array(self.profiles.days, "datetime64[D]")).tolist()

    def null_weeks(self, null: str, count: int, random: np.random.Generator) -> list[Week]:
        """`count` weeks of a null; disjoint within a permuted year, one a start day in the real order."""
        weeks: list[Week] = []
        size = len(self.profiles.days)
        while len(weeks) < count:
            order = self._order(null, random, backwards=len(weeks) >= size)
            length = HISTORY + WEEK
            if null == "real":  # the year as a circle: its days are whole weeks, and winter follows winter
                weeks += [Week(tuple(np.roll(order, -start)[:length].tolist())) for start in range(size)]
            else:
                weeks += [Week(tuple(order[at : at + length].tolist())) for at in range(0, size - length + 1, WEEK)]
        return weeks[:count]

    def _order(self, null: str, random: np.random.Generator, *, backwards: bool) -> np.ndarray:
        days = np.arange(len(self.profiles.days))
        if null == "real":
            return days[::-1] if backwards else days
        if null == "day":
            for weekday in range(WEEK):
                days[weekday::WEEK] = random.permutation(days[weekday::WEEK])
            return days
        blocks = days.reshape(-1, int(null.removesuffix("-day")))
        return np.asarray(random.permutation(blocks).reshape(-1))

    def fault_weeks(self, weeks: Sequence[Week], each: int, random: np.random.Generator) -> list[Week]:
        """Each fault `each` times in some of `weeks`, over all features that it can strike in random turn."""
        return [
            replace(weeks[int(random.integers(len(weeks)))], fault=name, feature=features[number % len(features)])
            for name, (kind, _) in FAULTS.items()
            for features in [random.permutation(strikes(kind, self.bins)).tolist()]
            for number in range(each)
        ]

    def judged(
        self, weeks: Sequence[Week], rules: Mapping[str, Rule], random: np.random.Generator
    ) -> dict[str, list[tuple[float, str]]]:
        """What each rule says of each week."""
        said = [{name: rule(profiles) for name, rule in rules.items()} for profiles in self.weeks(weeks, random)]
        return {name: [week[name] for week in said] for name in rules}

    def weeks(self, weeks: Sequence[Week], random: np.random.Generator) -> Iterator[Profiles]:
        """Profiles of each week behind its history; faults are put into its rows, which are profiled again."""
        dates = [dt.date(2000, 1, 1) + dt.timedelta(days=number) for number in range(HISTORY + WEEK)]
        broken = [week for week in weeks if week.fault]
        faulted = self._profile_faults(broken, random) if broken else None
        number = 0
        for week in weeks:
            found = self.profiles.on([self.profiles.days[day] for day in week.days])
            found = replace(found, days=tuple(dates))
            if week.fault and faulted is not None:
                own = faulted.on([_mark(number, place) for place in range(WEEK)])
                found = found.on(dates[:HISTORY]) + replace(own, days=tuple(dates[HISTORY:]))
                number += 1
            yield found

    def _profile_faults(self, weeks: Sequence[Week], random: np.random.Generator) -> Profiles:
        """Every faulted week in one pass, under days that mark it."""
        rows = [self._broken(number, week, random) for number, week in enumerate(weeks)]
        return profile_days(pa.concat_tables(rows), self.bins)

    def _broken(self, number: int, week: Week, random: np.random.Generator) -> pa.Table:
        ends = [*self._starts[1:], len(self._columns["day"])]
        parts = [np.arange(self._starts[day], ends[day]) for day in week.days[HISTORY:]]
        columns = {name: values[np.concatenate(parts)] for name, values in self._columns.items()}
        marks = [np.full(len(part), _mark(number, place), "datetime64[D]") for place, part in enumerate(parts)]
        columns["day"] = np.concatenate(marks)
        fault = FAULTS[week.fault][1]
        return to_rows(fault(columns, week.feature, random, self._spread), self._schema)


def calibrated(profiles: Profiles) -> tuple[float, str]:
    """The system's own rule."""
    first = decide(profiles, WEEK, SPEC).signs[0]
    return first.strength, first.feature


@dataclass(frozen=True)
class Outcome:
    """What a rule did on one null.

    Attributes:
        weeks: weeks without a change that were judged.
        false_alarms: share of them that alarmed.
        found: share of the weeks with each fault that alarmed.
        named: share of the alarms on faults whose first feature is the guilty one.
        clean: share found of the missing values in columns that had had none.
    """

    weeks: int
    false_alarms: float
    found: Mapping[str, float]
    named: float
    clean: float

    @property
    def mean(self) -> float:
        """Mean of `found` over the faults."""
        return float(np.mean([*self.found.values()]))


def outcome(
    calm: Sequence[tuple[float, str]],
    weeks: Sequence[Week],
    broken: Sequence[tuple[float, str]],
    clean: Collection[str],
    bound: float = 1.0,
) -> Outcome:
    """Sum up verdicts on weeks without and with faults; an alarm is a strength above `bound`."""
    hit = np.array([strength > bound for strength, _ in broken])
    by_fault = {name: np.array([week.fault == name for week in weeks]) for name in FAULTS}
    first = np.array([week.fault.startswith("missing") and week.feature in clean for week in weeks])
    guilty = np.array([week.feature == feature for week, (_, feature) in zip(weeks, broken, strict=True)])
    return Outcome(
        weeks=len(calm),
        false_alarms=float(np.mean([strength > bound for strength, _ in calm])),
        found={name: float(hit[places].mean()) for name, places in by_fault.items()},
        named=float(guilty[hit].mean()) if hit.any() else 1.0,
        clean=float(hit[first].mean()) if first.any() else 1.0,
    )


def _mark(number: int, place: int) -> dt.date:
    return dt.date(2100, 1, 1) + dt.timedelta(days=number * WEEK + place)
