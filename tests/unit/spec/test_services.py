from __future__ import annotations

import pytest
from pydantic import ValidationError

from ai_patterns.spec.system import SystemSpec


def with_services(flights: SystemSpec, services: dict[str, list[str]]) -> SystemSpec:
    return SystemSpec.model_validate({**flights.model_dump(), "services": services})


def test_members_are_families_groups_and_single_features(flights: SystemSpec) -> None:
    system = with_services(flights, {"small:v2": ["plane", "lately", "weather", "plane__built"], "small": ["carrier"]})
    found = system.service_columns
    assert found["small"] == ("carrier",)
    weather = tuple(flights.model.features["weather"])
    assert found["small:v2"] == ("plane__built", "plane__seats", "lately", *weather)


def test_an_unknown_member_and_a_wrong_version_are_refused(flights: SystemSpec) -> None:
    with pytest.raises(ValidationError, match="absent_name"):
        with_services(flights, {"small": ["wether"]})
    for name in ("small:2", "small:v0", "Small"):
        with pytest.raises(ValidationError, match="pattern"):
            with_services(flights, {name: ["weather"]})
