"""A few rows of two numbers and a word, by day, and bins to count them in."""

import datetime as dt

import numpy as np
import pyarrow as pa

from ai_patterns.core.bins import Bins

FIRST = dt.date(2024, 1, 1)
BINS = Bins(
    edges={"number": np.array([0.0, 1.0, 2.5]), "other": np.array([0.5])},
    categories={"word": ("a", "b")},
    scales={"number": (0.5, 2.0), "other": (0.0, 1.0)},
)


def table(items, one_day=False):
    return pa.table(
        {
            "day": pa.array([FIRST + dt.timedelta(days=0 if one_day else day) for day, *_ in items], pa.date32()),
            "number": pa.array([number for _, number, _, _ in items], pa.float64()),
            "other": pa.array([other for _, _, other, _ in items], pa.float64()),
            "word": pa.array([word for *_, word in items], pa.string()),
        }
    )
