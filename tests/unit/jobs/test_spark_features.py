"""A spec on its way to a cluster."""

from __future__ import annotations

import re

from ai_patterns.jobs.spark_features import pack, unpack
from ai_patterns.spec.system import SystemSpec


def test_a_spec_arrives_as_it_was_through_a_shell(flights: SystemSpec) -> None:
    packed = pack(flights)
    assert unpack(packed).model_dump() == flights.model_dump()
    assert re.fullmatch(r"[A-Za-z0-9_=-]+", packed)
    assert len(packed) < 2**17, "the kernel's limit for one argument"
