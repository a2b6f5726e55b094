"""Requests that Feast itself must answer: on-demand views, and what else has rules of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feast import FeatureService, FeatureStore
from feast.errors import FeastError
from feast.feature_server_utils import convert_response_to_dict

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.edge.errors import RequestError
from ai_patterns.services.features.answers import NULL_VALUE, PRESENT, Answer, Column
from ai_patterns.services.features.plan import Plan
from ai_patterns.services.features.stores import unavailable


def ask_feast(
    store: FeatureStore,
    plan: Plan,
    features: FeatureService | list[str],
    entities: Mapping[str, list[Any]],
    full_names: bool,
) -> Answer:
    """Ask `get_online_features`.

    Raises:
        FeastError: what is asked for is not there.
        RequestError: entities or request data do not fit.
        ServiceUnavailableError: the store cannot be read.
    """
    absent = sorted({*plan.request_data} - entities.keys())
    if absent:
        raise RequestError(f"entities lack {', '.join(absent)}, which an on-demand feature view needs")
    try:
        response = store.get_online_features(
            features=features, entity_rows=dict(entities), full_feature_names=full_names
        )
    except (FeastError, ServiceUnavailableError):
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise RequestError(f"entities: {error}") from error
    except Exception as error:
        raise unavailable(error) from error
    document = convert_response_to_dict(response.proto)
    columns = [_column(**item) for item in document["results"]]
    return Answer(document["metadata"]["feature_names"], columns)


def _column(values: list[Any], statuses: list[str], event_timestamps: list[str]) -> Column:
    """Feast's column, but that a null is not present."""
    told = [
        NULL_VALUE if value is None and status == PRESENT else status
        for value, status in zip(values, statuses, strict=True)
    ]
    return Column(values, told, event_timestamps)
