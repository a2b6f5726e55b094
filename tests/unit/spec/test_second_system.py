from __future__ import annotations


def test_a_system_of_another_domain_is_described_by_the_same_spec(docks) -> None:
    assert docks.model.task == "regression"
    assert docks.key_of("city") == ()
    assert docks.key_of("place") == ("station",)
    assert set(docks.model.columns) >= {"station__least_1d", "station__most_1d", "place__hill", "above_city"}
