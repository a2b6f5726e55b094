"""The certificate: what serving reads equals what the lake gives, key bucket by key bucket."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.core.certificate import Bucket, Difference, compare
from ai_patterns.core.speed import TileRow, empty_features, features_at
from ai_patterns.core.tile_rows import Entity, Offsets
from ai_patterns.errors import CertificateError, ServiceUnavailableError
from ai_patterns.jobs.event_values import recompute
from ai_patterns.jobs.landed import landed_offsets
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

CERTIFICATES, DIFFERENCES = "certificates", "certificate_differences"

_INSTANT = pa.timestamp("us", tz="UTC")
_CERTIFICATES = pa.schema(
    [
        (DAY, pa.date32()), ("at", _INSTANT), ("boundary", _INSTANT), ("group", pa.string()), ("bucket", pa.int64()),
        ("keys", pa.int64()), ("merged", pa.string()), ("recomputed", pa.string()), ("equal", pa.bool_()),
        ("certified_at", _INSTANT),
    ]
)  # fmt: skip
_DIFFERENCES = pa.schema(
    [
        (DAY, pa.date32()), ("at", _INSTANT), ("group", pa.string()), ("key", pa.string()), ("merged", pa.string()),
        ("recomputed", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    """What was compared.

    Attributes:
        at: the instant whose values were compared, UTC.
        buckets: by group.
        differences: by group.
    """

    at: dt.datetime
    buckets: dict[str, list[Bucket]]
    differences: dict[str, list[Difference]]

    @property
    def keys(self) -> int:
        """Number of entities compared."""
        return sum(bucket.keys for buckets in self.buckets.values() for bucket in buckets)


def certify(
    system: SystemSpec,
    lake: Lake,
    store: TileStore,
    at: dt.datetime,
    *,
    now: dt.datetime,
    catch_up: Callable[[], object] = lambda: None,
) -> Certificate:
    """Compare every entity of every group of the stream layer at an instant, and write the certificate down.

    Args:
        system: the system's spec.
        lake: its lake.
        store: the online tiles.
        at: the instant, UTC; neither before the boundary nor before what became known last.
        now: when it is certified, UTC.
        catch_up: lands the topics; called when the store was read.

    Raises:
        ServiceUnavailableError: the lake has not landed what the store has folded.
        CertificateError: keys differ; it names the first of each group. They are written down with both values.
    """
    names = [name for name, group in system.groups.items() if group.layer == "stream"]
    dumps = {name: store.dump(name) for name in names}
    catch_up()
    compared = {name: _compare(system, lake, name, at, *dump) for name, dump in dumps.items()}
    found = Certificate(
        at,
        {name: buckets for name, (buckets, _) in compared.items()},
        {name: each for name, (_, each) in compared.items()},
    )
    _write(lake, found, store, now)
    differing = {name: each for name, each in found.differences.items() if each}
    if differing:
        told = "; ".join(f"{name}: {len(each)} keys, such as {_tell(each[0])}" for name, each in differing.items())
        raise CertificateError(
            f"batch and speed layer merged differ from the lake at {at.isoformat()}: {told}. All are in the table "
            f"{DIFFERENCES!r}; build the days' tiles again and advance the boundary, which replaces the loaded rows"
        )
    log.info("%d entities of %d groups are equal to the lake's at %s.", found.keys, len(names), at)
    return found


def _compare(
    system: SystemSpec, lake: Lake, name: str, at: dt.datetime, folded: Offsets, rows: Mapping[Entity, list[TileRow]]
) -> tuple[list[Bucket], list[Difference]]:
    group = system.groups[name]
    offsets = dict(folded.get(str(system.streams[group.stream].topic), {}))
    _require_landed(system, lake, group.stream, offsets)
    instant, nothing = (
        (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1),
        empty_features(group),
    )
    merged = {key: features_at(group, held, instant) for key, held in rows.items()}
    return compare(
        {key: values for key, values in merged.items() if values != nothing}, recompute(system, lake, name, at, offsets)
    )


def _require_landed(system: SystemSpec, lake: Lake, stream: str, offsets: dict[int, int]) -> None:
    if system.streams[stream].topic is None:
        return
    landed = landed_offsets(system, lake, stream)
    if any(landed.get(partition, 0) < end for partition, end in offsets.items()):
        raise ServiceUnavailableError(
            f"stream {stream!r} was folded up to {offsets} and has landed up to {landed}: land its topic first",
            conn_id="ai_patterns_lake",
        )


def _tell(difference: Difference) -> str:
    merged, recomputed = difference.merged or {}, difference.recomputed or {}
    names = [name for name in {**merged, **recomputed} if merged.get(name) != recomputed.get(name)]
    both = ", ".join(f"{name} {merged.get(name)} instead of {recomputed.get(name)}" for name in names)
    return f"{list(difference.key)}: {both}"


def _write(lake: Lake, found: Certificate, store: TileStore, now: dt.datetime) -> None:
    boundary = store.boundary()
    shared = {DAY: found.at.date(), "at": found.at}
    of_buckets = [
        {
            **shared, "boundary": boundary.at if boundary else None, "group": name, "bucket": bucket.number,
            "keys": bucket.keys, "merged": bucket.merged, "recomputed": bucket.recomputed, "equal": bucket.equal,
            "certified_at": now,
        }
        for name, buckets in found.buckets.items() for bucket in buckets
    ]  # fmt: skip
    of_keys = [
        {
            **shared, "group": name, "key": _text(each.key), "merged": _text(each.merged),
            "recomputed": _text(each.recomputed),
        }
        for name, differences in found.differences.items() for each in differences
    ]  # fmt: skip
    _replace(lake, DIFFERENCES, of_keys, _DIFFERENCES, found.at)
    _replace(lake, CERTIFICATES, of_buckets, _CERTIFICATES, found.at)


def _replace(lake: Lake, table: str, rows: Sequence[dict[str, Any]], schema: pa.Schema, at: dt.datetime) -> None:
    # A second certificate of the same instant takes the first one's place.
    predicate = f"{DAY} = '{at.date()}' AND at = '{at.isoformat()}'"
    lake.replace_where(table, pa.Table.from_pylist(list(rows), schema), predicate)


def _text(value: Any) -> str:
    return json.dumps(value, default=str)
