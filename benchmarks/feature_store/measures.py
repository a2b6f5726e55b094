"""Materialization, historical joins and online reads of both sides; values are compared before a time counts."""

from __future__ import annotations

import hashlib
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
import redis
from feast import FeatureStore

from ai_patterns.feast import OnlineReader, open_reader
from feature_store.side import FLOATS, HISTORY, INTEGERS, apply_rows, open_store
from feature_store.stage import peer, plane_numbers, run_side

_OURS = "batch_engine: {type: ai_patterns.feast.MaterializationEngine}\n"
_OFFLINE = "offline_store: {type: ai_patterns.feast.DuckDBOfflineStore}\n"


def materialization(folder: Path, store: str, address: str) -> tuple[dict[str, float], dict[str, float]]:
    """Ours and Feast's figures of filling `redis` or `sqlite`.

    Raises:
        SystemExit: the stores do not hold the same.
    """
    place = f"connection_string: '{address},db=DB'" if store == "redis" else "path: FOLDER/online.db"
    kind = {"redis": "RedisOnlineStore", "sqlite": "SqliteOnlineStore"}[store]
    ours = _OFFLINE + _OURS + f"online_store: {{type: ai_patterns.feast.{kind}, {place.replace('DB', '1')}}}\n"
    theirs = f"online_store: {{type: {store}, {place.replace('DB', '2')}}}\n"
    figures = (run_side(sys.executable, "materialize", folder, ours), run_side(peer(), "materialize", folder, theirs))
    if store == "redis":
        held = [_redis_digest(address, number) for number in (1, 2)]
    else:
        held = [_sqlite_digest(_repository(folder, settings) / "online.db") for settings in (ours, theirs)]
    if held[0] != held[1]:
        raise SystemExit(f"{store} holds other values: {held}")
    print(f"  {store}: both hold the same {held[0][0]:,} rows", flush=True)
    return figures


def history(folder: Path, store: str) -> tuple[dict[str, float], dict[str, float], int]:
    """Our figures, those of one of Feast's offline stores, and how many rows that one lost.

    Raises:
        SystemExit: we lost a row, or a value differs where both have the row.
        RuntimeError: Feast's store gave up.
    """
    ours = run_side(sys.executable, "history", folder, _OFFLINE)
    asked, found = pd.read_parquet(folder / "entities.parquet"), _found(folder, _OFFLINE)
    if len(found) != len(asked):
        raise SystemExit(f"{len(found)} rows came back for {len(asked)}")
    settings = f"offline_store: {{type: {store}}}\n"
    theirs = run_side(peer(), "history", folder, settings)
    return ours, theirs, len(asked) - _same(found, _found(folder, settings))


def online_reads(folder: Path, address: str, rows: int, repeats: int) -> dict[tuple[str, int], tuple[float, float]]:
    """What is read and how many -> median microseconds of our reader and of Feast's `get_online_features`.

    The planes of flights in their order, by a reader that has run for half of the year; and entities that nobody asked
    for before, each request others.
    """
    settings = f"online_store: {{type: redis, connection_string: '{address},db=2'}}\n"
    store = open_store(folder, settings)
    apply_rows(store, folder)
    names = [f"rows:{name}" for name in (*FLOATS, *INTEGERS)]
    planes, figures = plane_numbers(), {}
    half = len(planes) // 2
    for count in (1, 100):
        starts = range(half, half + repeats * count, count)
        as_flown = [planes[start : start + count] for start in starts]
        new = [[(place * 7919 + step) % rows for step in range(count)] for place in range(repeats)]
        for what, requests, before in (("planes of flights", as_flown, half), ("entities never asked for", new, 0)):
            reader = open_reader(store, names)
            for start in range(0, before, 100):
                reader.read({"id": planes[start : start + 100]})
            figures[what, count] = _timed_reads(store, names, reader, requests)
    return figures


def _timed_reads(
    store: FeatureStore, names: list[str], reader: OnlineReader, requests: list[list[int]]
) -> tuple[float, float]:
    feasts = store.get_online_features(names, [{"id": item} for item in requests[0]]).to_dict()
    read = open_reader(store, names).read({"id": requests[0]}).values
    if any(feasts[name] != read[name] for name in read) or None in read[FLOATS[0]]:
        raise SystemExit("the reader says other values than get_online_features")
    ours = _median(lambda ids: reader.read({"id": ids}), requests)
    return ours, _median(lambda ids: store.get_online_features(names, [{"id": item} for item in ids]), requests)


def _median(ask: Callable[[list[int]], Any], requests: list[list[int]]) -> float:
    seconds = []
    for ids in requests:
        start = time.perf_counter()
        ask(ids)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1e6


def _repository(folder: Path, settings: str) -> Path:
    return folder / f"repository-{crc32(settings.encode())}"


def _found(folder: Path, settings: str) -> pd.DataFrame:
    return pd.read_parquet(_repository(folder, settings) / "found.parquet")


def _same(ours: pd.DataFrame, theirs: pd.DataFrame) -> int:
    """Rows that the peer has."""
    both = theirs.merge(ours, on="flight", suffixes=("", "_ours"))
    for name in (feature.partition(":")[2] for feature in HISTORY):
        different = (both[name] != both[f"{name}_ours"]) & ~(both[name].isna() & both[f"{name}_ours"].isna())
        if different.any():
            raise SystemExit(f"{int(different.sum())} values of {name} differ:\n{both[different].head()}")
    return int(both["flight"].nunique())


def _redis_digest(address: str, number: int) -> tuple[int, str]:
    host, port = address.split(":")
    client = redis.Redis(host, int(port), db=number)
    total, count = 0, 0
    keys = client.scan_iter(count=5_000)
    while chunk := [key for _, key in zip(range(5_000), keys, strict=False)]:
        with client.pipeline(transaction=False) as pipe:
            for key in chunk:
                pipe.hgetall(key)
            held = pipe.execute()
        for key, fields in zip(chunk, held, strict=True):
            text = repr((key, sorted(fields.items()))).encode()
            total ^= int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())
            count += 1
    return count, f"{total:032x}"


def _sqlite_digest(path: Path) -> tuple[int, str]:
    total, count = 0, 0
    columns = "entity_key, feature_name, value, value_text, vector_value, event_ts, created_ts"
    with sqlite3.connect(path) as connection:
        for row in connection.execute(f"SELECT {columns} FROM bench_rows"):  # noqa: S608
            total ^= int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest())
            count += 1
    return count, f"{total:032x}"
