"""Figures by feature and day as tables whose cells are shaded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

# Cells are shaded by 48 % at most: beyond it the text's contrast falls below 4.5, in the dark first (WCAG 2.2, 1.4.3).


def heat_map(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """The share of differing values by feature and day; features that never differ are left out.

    Args:
        rows: `feature`, `day`, `share`, `differing`, `compared` and `forgiven`.

    >>> heat_map([{"feature": "x", "day": dt.date(2013, 4, 1), "share": 0.0, "differing": 0, "compared": 9}])
    Markup('')
    """
    names = sorted({row["feature"] for row in rows if row["differing"]})
    if not names:
        return Markup("")
    days = sorted({row["day"] for row in rows})
    by_place = {(row["feature"], row["day"]): row for row in rows}
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(name, _cells([by_place.get((name, day)) for day in days]))
        for name in names
    )
    return _table(days, body)


def verdict_map(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """The largest value over its bound by subject and day; subjects without a figure are left out.

    Args:
        rows: `subject`, `day`, `check`, `value`, `bound`, `passed`.

    >>> verdict_map([])
    Markup('')
    """
    places: dict[tuple[str, dt.date], tuple[float, Mapping[str, Any]]] = {}
    for row in rows:
        if row["value"] is not None and row["bound"]:
            share = row["value"] / row["bound"]
            places[row["subject"], row["day"]] = max(
                places.get((row["subject"], row["day"]), (share, row)), (share, row), key=lambda item: item[0]
            )
    if not places:
        return Markup("")
    days = sorted({day for _, day in places})
    names = sorted(
        {name for name, _ in places}, key=lambda name: -max(places.get((name, day), (0,))[0] for day in days)
    )
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            name, Markup("").join(_verdict(places.get((name, day))) for day in days)
        )
        for name in names
    )
    return _table(days, body)


def _verdict(place: tuple[float, Mapping[str, Any]] | None) -> Markup:
    if place is None:
        return Markup('<td class="n">-</td>')
    share, row = place
    shade = 0 if row["passed"] else round(15 + 11 * min(share, 3))
    title = f"{row['check']}: {row['value']:.4g}, bound {row['bound']:.4g}"
    return Markup(
        '<td class="n" style="background:color-mix(in srgb,var(--bad) {}%,transparent)" title="{}">{:.2f}</td>'
    ).format(shade, title, share)


def _table(days: Sequence[dt.date], body: Markup) -> Markup:
    head = _join('<th scope="col" class="n">{}</th>', [(_short(day),) for day in days])
    return Markup(
        '<table class="heat"><thead><tr><th scope="col">Feature</th>{}</tr></thead><tbody>{}</tbody></table>'
    ).format(head, body)


def _short(day: dt.date) -> str:
    return f"{day:%m-%d}"


def _cells(rows: Sequence[Mapping[str, Any] | None]) -> Markup:
    return Markup("").join(_cell(row) for row in rows)


def _cell(row: Mapping[str, Any] | None) -> Markup:
    if row is None:
        return Markup('<td class="n">-</td>')
    colour = "idle" if row["forgiven"] == row["differing"] else "bad"
    shade = round(12 + 36 * row["share"]) if row["differing"] else 0
    title = f"{row['differing']} of {row['compared']} differ, {row['forgiven']} forgiven"
    return Markup(
        '<td class="n" style="background:color-mix(in srgb,var(--{}) {}%,transparent)" title="{}">{:.0%}</td>'
    ).format(colour, shade, title, row["share"])


def _join(form: str, values: Sequence[tuple[object, ...]]) -> Markup:
    return Markup("").join(Markup(form).format(*value) for value in values)  # noqa: S704 - forms are literals above
