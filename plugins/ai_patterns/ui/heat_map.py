"""Shares by feature and day as a table whose cells are shaded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup


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
    head = _join('<th scope="col" class="n">{}</th>', [(_short(day),) for day in days])
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(name, _cells([by_place.get((name, day)) for day in days]))
        for name in names
    )
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
    shade = round(12 + 58 * row["share"]) if row["differing"] else 0
    title = f"{row['differing']} of {row['compared']} differ, {row['forgiven']} forgiven"
    return Markup(
        '<td class="n" style="background:color-mix(in srgb,var(--{}) {}%,transparent)" title="{}">{:.0%}</td>'
    ).format(colour, shade, title, row["share"])


def _join(form: str, values: Sequence[tuple[object, ...]]) -> Markup:
    return Markup("").join(Markup(form).format(*value) for value in values)  # noqa: S704 - forms are literals above
