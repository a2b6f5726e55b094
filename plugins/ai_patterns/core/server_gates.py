"""What a challenger must fulfil in a real server: answers in time, and the scores of the batch job to the bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ai_patterns.core.promotion import Gate
from ai_patterns.spec.model import ServerGateSpec


def latency_gate(spec: ServerGateSpec, seconds: Sequence[float]) -> Gate:
    """The 99th percentile of requests that were sent one after the other.

    >>> latency_gate(ServerGateSpec(max_p99_ms=5), [0.001] * 98 + [0.002] * 2).detail
    '99 of 100 requests took at most 2.0 ms (half of them 1.0 ms), at most 5 ms are allowed'
    """
    middle, p99 = (float(value) * 1e3 for value in np.quantile(seconds, [0.5, 0.99], method="higher"))
    detail = (
        f"99 of 100 requests took at most {p99:.1f} ms (half of them {middle:.1f} ms), "
        f"at most {spec.max_p99_ms:g} ms are allowed"
    )
    return Gate("server p99 ms", p99, spec.max_p99_ms, p99 <= spec.max_p99_ms, detail)


def parity_gate(served: Sequence[float], batch: Sequence[float]) -> Gate:
    """The served scores and those that batch scoring gives for the same features; NaN equals NaN.

    >>> parity_gate([0.25, 0.5], [0.25, 0.5000000001]).detail
    '1 of 2 served scores differ from batch scoring, by at most 1e-10'
    """
    one, other = np.asarray(served, np.float64), np.asarray(batch, np.float64)
    differing = int((~((one == other) | (np.isnan(one) & np.isnan(other)))).sum())
    by = float(np.nanmax(np.abs(one - other), initial=0.0))
    told = f", by at most {by:.2g}" if differing else ""
    detail = f"{differing} of {len(one)} served scores differ from batch scoring{told}"
    return Gate("server parity", differing, 0, bool(len(one)) and not differing, detail)


def refused_gate(problem: str) -> Gate:
    """The server does not take the version."""
    return Gate("server ready", float("nan"), 0, False, f"the server does not take it: {problem}")
