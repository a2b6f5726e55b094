"""Twelve faults of features, each put into the rows of a week before they are profiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from ai_patterns.core.bins import Bins

Columns = dict[str, np.ndarray]
Fault = Callable[[Columns, str, np.random.Generator, Mapping[str, float]], Columns]
"""Takes a week's columns, the guilty feature, randomness, and each numeric feature's standard deviation."""

CLOCKS = {"local_minute": 1440.0, "arrival_hour": 24.0}
"""Features that tell a time of day, and how many of their units a day has."""


def shift(share: float) -> Fault:
    def move(columns: Columns, name: str, random: np.random.Generator, spread: Mapping[str, float]) -> Columns:
        return {**columns, name: columns[name] + share * spread[name]}

    return move


def scaled(columns: Columns, name: str, random: np.random.Generator, spread: Mapping[str, float]) -> Columns:
    return {**columns, name: columns[name] * 1.6}


def missing(share: float) -> Fault:
    def lose(columns: Columns, name: str, random: np.random.Generator, spread: Mapping[str, float]) -> Columns:
        values, lost = columns[name].copy(), random.random(len(columns[name])) < share
        values[lost] = None if values.dtype == object else np.nan
        return {**columns, name: values}

    return lose


def new_category(columns: Columns, name: str, random: np.random.Generator, spread: Mapping[str, float]) -> Columns:
    values = columns[name].copy()
    values[random.random(len(values)) < 0.05] = "ZZZ"
    return {**columns, name: values}


def swapped(columns: Columns, name: str, random: np.random.Generator, spread: Mapping[str, float]) -> Columns:
    """Codes in the wrong order: the most frequent category bears the name of the least frequent, and so on."""
    known = np.array([value is not None for value in columns[name]])
    found, places, counts = np.unique(columns[name][known].astype(str), return_inverse=True, return_counts=True)
    order = np.argsort(-counts)
    renamed = np.empty(len(found), object)
    renamed[order] = found[order[::-1]]
    values = columns[name].copy()
    values[known] = renamed[places]
    return {**columns, name: values}


def stuck(columns: Columns, name: str, random: np.random.Generator, spread: Mapping[str, float]) -> Columns:
    """Every row holds the value of one of them, but not one that most hold anyway: a week without rain is no fault."""
    known = columns[name][~np.isnan(columns[name])]
    found, counts = np.unique(known, return_counts=True)
    usual = found[counts > len(known) / 2]
    others = known[~np.isin(known, usual)]
    return {**columns, name: np.full(len(columns[name]), random.choice(others if len(others) else known))}


def clock(hours: float) -> Fault:
    def turn(columns: Columns, name: str, random: np.random.Generator, spread: Mapping[str, float]) -> Columns:
        day = CLOCKS[name]
        return {**columns, name: (columns[name] + hours / 24 * day) % day}

    return turn


def covariate(columns: Columns, name: str, random: np.random.Generator, spread: Mapping[str, float]) -> Columns:
    """One of the larger categories comes three times as often, with all that goes with it."""
    values = columns[name].astype(str)
    found, counts = np.unique(values, return_counts=True)
    chosen = random.choice(found[counts >= min(0.03 * len(values), counts.max())])
    places = np.arange(len(values))
    for day in np.unique(columns["day"]):
        of_day = np.flatnonzero(columns["day"] == day)
        weights = np.where(values[of_day] == chosen, 3.0, 1.0)
        places[of_day] = random.choice(of_day, len(of_day), p=weights / weights.sum())
    return {key: column[places] for key, column in columns.items()}


FAULTS: Mapping[str, tuple[str, Fault]] = {
    "shift_quarter": ("numeric", shift(0.25)),
    "shift_half": ("numeric", shift(0.5)),
    "shift_one": ("numeric", shift(1.0)),
    "scaled": ("numeric", scaled),
    "missing_5": ("all", missing(0.05)),
    "missing_20": ("all", missing(0.2)),
    "new_category": ("categorical", new_category),
    "swapped": ("categorical", swapped),
    "stuck": ("numeric", stuck),
    "clock_4h": ("clocks", clock(4)),
    "clock_1h": ("clocks", clock(1)),
    "covariate": ("categorical", covariate),
}
"""Name -> the features that it can strike, and what it does."""


def strikes(kind: str, bins: Bins) -> list[str]:
    """The features that a fault of this kind can strike."""
    numeric, words = [*bins.edges], [*bins.categories]
    of_kind = {"numeric": numeric, "categorical": words, "clocks": [*CLOCKS], "all": [*numeric, *words]}
    return of_kind[kind]


def to_columns(rows: pa.Table) -> Columns:
    return {name: np.asarray(rows[name].to_numpy(zero_copy_only=False)) for name in rows.column_names}


def to_rows(columns: Columns, schema: pa.Schema) -> pa.Table:
    return pa.table({name: pa.array(columns[name], schema.field(name).type, from_pandas=True) for name in columns})
