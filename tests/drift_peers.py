"""Usual rules on the same profiles, for comparison: the last week against the 28 days before it.

Each gives the strength of its alarm, over 1 as shipped, and the feature that stands out most.
"""

from __future__ import annotations

import numpy as np

from ai_patterns.core.daily_profiles import Profiles
from ai_patterns.core.divergence import chi_square, jensen_shannon, kolmogorov_smirnov, psi
from ai_patterns.core.drift import in_groups
from drift_trials import SPEC, WEEK

MAX_PSI = 0.2
SIGNIFICANCE = 0.05
FAR, SHARE = 0.1, 0.5
"""Evidently's defaults: the distance from which a column drifts; the share of columns from which a data set does."""


def any_psi(profiles: Profiles) -> tuple[float, str]:
    """Any feature's population stability index above .2."""
    window, before = _parts(profiles)
    found = {}
    for name in profiles.bins.features:
        fine = before.counts[name][0].astype(float), window.counts[name][0].astype(float)
        found[name] = psi(*(in_groups(*fine) if name in profiles.bins.edges else fine)) / MAX_PSI
    return _largest(found)


def significance(profiles: Profiles) -> tuple[float, str]:
    """Kolmogorov-Smirnov or chi-square tests, at 5% over all features together (Bonferroni)."""
    from scipy.special import kolmogi
    from scipy.stats import chi2

    window, before = _parts(profiles)
    level = SIGNIFICANCE / len(profiles.bins.features)
    found = {}
    for name in profiles.bins.features:
        pair = before.counts[name][0], window.counts[name][0]
        if name in profiles.bins.edges:
            sizes = np.maximum([float(part.sum()) for part in pair], 1.0)
            critical = kolmogi(level) * np.sqrt(sizes.sum() / sizes.prod())
            found[name] = kolmogorov_smirnov(*pair) / critical
        else:
            used = int(np.sum(sum(pair) > 0))
            found[name] = chi_square(*pair) / float(chi2.isf(level, max(used - 1, 1)))
    return _largest(found)


def evidently(profiles: Profiles) -> tuple[float, str]:
    """Evidently's default for more than 1,000 rows: half of the columns further than .1 from the reference.

    The distance is Wasserstein's over the reference's standard deviation, or Jensen-Shannon's for categories.
    """
    window, before = _parts(profiles)
    found = {name: column_distance(before, window, name) / FAR for name in profiles.bins.features}
    needed = int(np.ceil(SHARE * len(found)))
    return sorted(found.values(), reverse=True)[needed - 1], _largest(found)[1]


def column_distance(before: Profiles, window: Profiles, name: str) -> float:
    """Evidently's distance of one column, from merged profiles: values count at the middle of their bins."""
    pair = before.counts[name][0].astype(float), window.counts[name][0].astype(float)
    if name not in before.bins.edges:
        return jensen_shannon(*pair)
    shares = [part / max(part.sum(), 1) for part in pair]
    edges = before.bins.edges[name]
    low = np.nanmin([before.low[name][0], window.low[name][0], edges[0]])
    high = np.nanmax([before.high[name][0], window.high[name][0], edges[-1]])
    middles = np.convolve(np.concatenate([[low], edges, [high]]), [0.5, 0.5], "valid")
    moved = np.abs(np.cumsum(shares[0] - shares[1]))[:-1] @ np.diff(middles)
    spread = np.sqrt(max(shares[0] @ middles**2 - (shares[0] @ middles) ** 2, 0.0))
    return float(moved / max(spread, 0.001))


def _parts(profiles: Profiles) -> tuple[Profiles, Profiles]:
    days = profiles.days
    before = profiles.on(days[-WEEK - SPEC.reference.days : -WEEK]).merged()
    return profiles.on(days[-WEEK:]).merged(), before


def _largest(found: dict[str, float]) -> tuple[float, str]:
    name = max(found, key=lambda name: found[name])
    return found[name], name


PEERS = {"psi": any_psi, "significance": significance, "evidently": evidently}
