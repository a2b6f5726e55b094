"""What OpenLineage is told of a task: the tables and models that it touched, with their versions.

Datasets are named as openlineage.io/docs/spec/naming asks. Three facets are ours: `aiPatternsFeatureGroup`,
`aiPatternsModel` and `aiPatternsPartition`. This module is imported where Airflow's provider for OpenLineage is
installed, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import DatasetFacet, RunFacet, dataset_version_dataset, schema_dataset

from ai_patterns.spec.system import SystemSpec

if TYPE_CHECKING:
    from ai_patterns.clients.recorded_lake import RecordedLake, Version
    from ai_patterns.clients.recorded_registry import RecordedRegistry

GROUP, MODEL, PARTITION = "aiPatternsFeatureGroup", "aiPatternsModel", "aiPatternsPartition"
GROUP_TABLES = ("tiles", "values")

D = TypeVar("D", InputDataset, OutputDataset)


@attr.define
class FeatureGroupFacet(DatasetFacet):
    """The features behind a table of tiles or of values.

    Attributes:
        system: name of the system.
        stream: the stream that is aggregated.
        entity: the entity's columns.
        features: names of the features.
    """

    system: str
    stream: str
    entity: list[str]
    features: list[str]


@attr.define
class ModelFacet(DatasetFacet):
    """A version of a system's model.

    Attributes:
        system: name of the system.
        estimator: the estimator's class.
        features: names of the features, in the order of the model's columns.
    """

    system: str
    estimator: str
    features: list[str]


@attr.define
class PartitionFacet(RunFacet):
    """The days that a task worked on.

    Attributes:
        system: name of the system.
        days: a day or a range of days (UTC).
    """

    system: str
    days: str


def lineage_of(
    system: SystemSpec, lake: RecordedLake | None, registry: RecordedRegistry | None, days: str | None
) -> OperatorLineage[Any, Any]:
    """What was touched, as inputs and outputs.

    The provider asks in a fork of the task's process, in which no table can be opened any more.

    Args:
        system: the task's system.
        lake: as the task has left it, if it used one.
        registry: the same.
        days: what the task worked on, where it is told.
    """
    inputs: list[InputDataset] = []
    outputs: list[OutputDataset] = []
    if lake is not None:
        inputs += _tables(InputDataset, system, lake, lake.touched.read)
        outputs += _tables(OutputDataset, system, lake, lake.touched.written)
    if registry is not None:
        inputs += _models(InputDataset, system, registry, registry.touched.read)
        outputs += _models(OutputDataset, system, registry, registry.touched.written)
    facets = {PARTITION: PartitionFacet(system.name, days)} if days else {}
    return OperatorLineage(inputs=inputs, outputs=outputs, run_facets=facets)


def _tables(kind: type[D], system: SystemSpec, lake: RecordedLake, touched: Mapping[str, Version]) -> Iterator[D]:
    for table, version in sorted(touched.items()):
        facets: dict[str, DatasetFacet] = {"version": _version(version), "schema": _schema(version)}
        part, _, name = table.partition("/")
        if part in GROUP_TABLES and name in system.groups:
            group = system.groups[name]
            facets[GROUP] = FeatureGroupFacet(system.name, group.stream, list(group.key), list(group.features))
        yield kind(*place_of(lake.path(table)), facets=facets)


def _models(
    kind: type[D], system: SystemSpec, registry: RecordedRegistry, touched: Mapping[str, Version]
) -> Iterator[D]:
    namespace, name = place_of(registry.tracking_uri)
    for model, version in sorted(touched.items()):
        facet = ModelFacet(system.name, system.model.estimator, list(system.model.columns))
        facets: dict[str, DatasetFacet] = {"version": _version(version), MODEL: facet}
        yield kind(namespace, f"{name}/{model}".strip("/"), facets=facets)


def place_of(uri: str) -> tuple[str, str]:
    """OpenLineage's namespace and name of a folder or URI; a user and a password in it are left out.

    >>> place_of("/data/lake/flights/predictions")
    ('file', '/data/lake/flights/predictions')
    >>> place_of("s3://bucket/lake/flights/predictions")
    ('s3://bucket', 'lake/flights/predictions')
    >>> place_of("http://me:secret@mlflow:5000")
    ('http://mlflow:5000', '')
    """
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return "file", str(Path(parts.path).absolute())
    path = parts.path if parts.scheme == "hdfs" else parts.path.lstrip("/")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", path


def _version(version: Version) -> DatasetFacet:
    return dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(version.number))


def _schema(version: Version) -> DatasetFacet:
    columns = version.columns.items()
    fields = [schema_dataset.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in columns]
    return schema_dataset.SchemaDatasetFacet(fields=fields)
