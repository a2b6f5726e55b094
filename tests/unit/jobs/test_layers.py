"""The figures of the lambda architecture: the newest certificate, and how far the batch layer is behind."""

import datetime as dt

import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.jobs.certification import _CERTIFICATES, CERTIFICATES
from ai_patterns.jobs.layers import CertifiedGroup, LandedTopic, read_layers

MIDNIGHT = dt.datetime(2024, 5, 2, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path), "pumps")


def certificate(lake, at, unequal=(), boundary=MIDNIGHT):
    rows = [
        {
            "day": at.date(), "at": at, "boundary": boundary, "group": group, "bucket": bucket,
            "keys": 0 if bucket == 3 else 5, "merged": "a", "recomputed": "b", "equal": (group, bucket) not in unequal,
            "certified_at": at + HOUR,
        }
        for group in ("site", "pump") for bucket in range(4)
    ]  # fmt: skip
    lake.append(CERTIFICATES, pa.Table.from_pylist(rows, _CERTIFICATES), partition_by=["day"])


def landed(day):
    return [
        LandedTopic("inspected", "pumps.inspected", 7, 9, day, MIDNIGHT),
        LandedTopic("outcome", "o", 0, 0, None, None),
    ]


def test_there_is_none_before_the_first(lake):
    assert read_layers(lake, []) is None


def test_the_newest_of_a_day_counts(lake):
    certificate(lake, MIDNIGHT, unequal=[("site", 1)])
    certificate(lake, MIDNIGHT + HOUR)
    found = read_layers(lake, landed(MIDNIGHT.date()))
    assert (found.at, found.certified_at, found.boundary) == (MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR, MIDNIGHT)
    assert found.groups == (CertifiedGroup("pump", 3, 0, 15), CertifiedGroup("site", 3, 0, 15))
    assert found.equal
    assert found.stale_days == 0


def test_a_difference_and_a_late_batch_layer_are_told(lake):
    certificate(lake, MIDNIGHT, unequal=[("site", 1)])
    found = read_layers(lake, landed(MIDNIGHT.date() + dt.timedelta(days=3)))
    assert [(group.group, group.unequal) for group in found.groups] == [("pump", 0), ("site", 1)]
    assert not found.equal
    assert found.stale_days == 3
