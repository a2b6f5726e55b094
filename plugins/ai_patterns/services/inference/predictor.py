"""From a query to predictions: inputs, online features, the champion, the log."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ai_patterns.clients.online_features import OnlineFeatureReader, OnlineFeatures
from ai_patterns.core.predictions import features_json, prediction_schema
from ai_patterns.core.vectors import add_on_demand, model_matrix
from ai_patterns.services.inference.log import PredictionLog
from ai_patterns.services.inference.model import ChampionFollower
from ai_patterns.services.inference.requests import Predictions, Query
from ai_patterns.services.inference.rows import RowParser, parse_decided_at
from ai_patterns.spec.features import DimensionGroupSpec, GroupSpec, column_name
from ai_patterns.spec.system import SystemSpec


@dataclass(frozen=True)
class Predictor:
    """Answers queries about one system."""

    system: SystemSpec
    parser: RowParser
    features: OnlineFeatureReader
    champion: ChampionFollower
    log: PredictionLog

    def predict(self, query: Query) -> Predictions:
        """Score every row and log it; all rows are scored by one model version.

        Raises:
            RequestError: a field is missing, wrong or unknown.
            ServiceUnavailableError: no champion, no feature store, or a full log.
        """
        now = dt.datetime.now(dt.UTC)
        inputs = self.parser.parse(query.records)
        decided_at = parse_decided_at(query.decided_at, inputs.num_rows, now)
        model = self.champion.current()
        found = self.features.read(inputs, decided_at if query.decided_at is not None else None)
        table = add_on_demand(self.system, _beside(inputs, found.table))
        scores = model.predict(model_matrix(self.system, table, model.encodings))
        predictions = Predictions(
            scores=[float(score) for score in scores],
            ids=[str(uuid.uuid4()) for _ in scores],
            degraded=self._degraded(found, inputs.num_rows),
            model_name=self.system.name,
            model_version=model.version,
        )
        if inputs.num_rows:
            self.log.put(self._log_rows(table, predictions, decided_at, now))
        return predictions

    def _degraded(self, found: OnlineFeatures, rows: int) -> list[list[str]]:
        specs: dict[str, GroupSpec | DimensionGroupSpec] = {**self.system.groups, **self.system.lookups}
        names = {view: [column_name(view, feature) for feature in specs[view].features] for view in found.missing}
        return [
            [name for view, lost in found.missing.items() if lost[row] for name in names[view]] for row in range(rows)
        ]

    def _log_rows(
        self, table: pa.Table, predictions: Predictions, decided_at: list[dt.datetime], now: dt.datetime
    ) -> pa.Table:
        wanted = list(dict.fromkeys([*self.system.decision.inputs, *self.system.model.columns]))
        columns = {name: table.column(name) for name in self.system.decision_stream.key}
        rows = table.num_rows
        columns |= {
            "prediction_id": predictions.ids,
            "decided_at": decided_at,
            "served_at": [now] * rows,
            "features": [features_json(row) for row in table.select(wanted).to_pylist()],
            "score": np.asarray(predictions.scores),
            "model_version": [predictions.model_version] * rows,
            "degraded": predictions.degraded,
            "mode": ["online"] * rows,
            "day": [instant.date() for instant in decided_at],
        }
        schema = prediction_schema(self.system)
        return pa.table({name: columns[name] for name in schema.names}, schema)


def _beside(left: pa.Table, right: pa.Table) -> pa.Table:
    for name in right.column_names:
        left = left.append_column(name, right.column(name))
    return left
