"""SQLite's one connection: who reads while another request writes sees all of the write, or nothing of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from typing import Any

import pandas as pd
import pytest
from feast import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64

from ai_patterns.services.features.__main__ import build_service
from ai_patterns.services.features.service import Service
from ai_patterns.services.features.settings import Settings
from ai_patterns.services.features.writing import Write
from feast_shop import NOW, driver, open_repository, rides

DRIVERS = list(range(100))
SEEN = 8
"""Different states that the readers must have seen."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """Over Feast's own SQLite store, with one view that Feast computes when it is asked for."""
    folder = tmp_path_factory.mktemp("features") / "shop"
    store, view = open_repository(folder, "sqlite"), rides(folder)

    @on_demand_feature_view(sources=[view], schema=[Field(name="double", dtype=Float64)])
    def computed(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"double": inputs["rating"] * 2})

    store.apply([driver(), view, computed])
    return build_service(Settings(folder))


async def write(service: Service, number: int) -> None:
    """The same rating for every driver."""
    count, at = len(DRIVERS), (NOW + dt.timedelta(seconds=number)).isoformat()
    columns: dict[str, list[Any]] = {"driver_id": DRIVERS, "rating": [float(number)] * count, "city": [""] * count}
    await service.writer.write(Write("rides", {**columns, "at": [at] * count, "created": [at] * count}))


async def ratings(service: Service, features: list[str]) -> set[float]:
    """What one request finds of all drivers."""
    answer = await service.catalog.answer(features, {"driver_id": DRIVERS})
    return set(dict(zip(answer.names, answer.columns, strict=True))["rating"].values)


@pytest.mark.parametrize("features", [["rides:rating"], ["rides:rating", "computed:double"]], ids=["ours", "Feast's"])
def test_a_request_sees_whole_writes(service: Service, features: list[str]) -> None:
    seen: list[set[float]] = []

    async def read() -> None:
        while len({min(found) for found in seen}) < SEEN:
            seen.extend(await asyncio.gather(*(ratings(service, features) for _ in range(4))))

    async def read_while_writing() -> None:
        await write(service, 0)
        reading = asyncio.create_task(asyncio.wait_for(read(), timeout=120))
        for number in itertools.count(1):
            await asyncio.gather(write(service, number), write(service, number))
            if reading.done():
                await reading
                return

    asyncio.run(read_while_writing())
    assert [found for found in seen if len(found) != 1] == []
