"""What every protocol's request comes down to, and what every answer starts from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ai_patterns.errors import ServiceRejectedError

Record = Mapping[str, Any]


class RequestError(ServiceRejectedError):
    """The request is wrong; it is answered with `status`.

    Args:
        problem: what is wrong, in one sentence.
        status: the HTTP status.
        details: for each fault its place (`loc`), message and type, in FastAPI's form.
    """

    def __init__(self, problem: str, *, status: int = 400, details: Sequence[Mapping[str, Any]] = ()) -> None:
        self.status, self.details = status, list(details)
        super().__init__(problem)


class Query(msgspec.Struct, frozen=True):
    """A batch of decisions to predict.

    Attributes:
        records: one mapping of inputs a row.
        decided_at: when the decisions are made: nothing (now), one ISO 8601 instant, or one for each row.
        columnar: whether the answer is wanted by column too (TF Serving's `inputs`).
        id: the caller's name for the request.
        outputs: the tensors that are wanted (Open Inference); none named: all.
    """

    records: list[Record]
    decided_at: Any = None
    columnar: bool = False
    id: str | None = None
    outputs: Sequence[Mapping[str, Any]] = ()


class Predictions(msgspec.Struct, frozen=True):
    """The answer to a `Query`, one entry a row.

    Attributes:
        scores: P(positive) or the value.
        ids: `prediction_id` of each row, as in the prediction log.
        degraded: features of each row whose entity the online store does not know: defaults stood in.
        model_name: the model that answered.
        model_version: its version in the registry.
        explored: rows to be acted on whatever their score says, where the system declares exploration.
    """

    scores: list[float]
    ids: list[str]
    degraded: list[list[str]]
    model_name: str
    model_version: int
    explored: list[bool] | None = None

    def extras(self) -> dict[str, Any]:
        """What the service tells beyond the protocols."""
        told = {"prediction_ids": self.ids, "model_version": self.model_version, "degraded": self.degraded}
        return told if self.explored is None else {**told, "explored": self.explored}

    def numbers(self) -> list[float | None]:
        """The scores as JSON knows them: null where one is not finite."""
        return [score if math.isfinite(score) else None for score in self.scores]


class Answer(msgspec.Struct):
    """What goes back over HTTP."""

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    headers: list[tuple[bytes, bytes]] = []


def json_answer(document: object, status: int = 200) -> Answer:
    """A JSON document; what is not finite becomes null."""
    return Answer(msgspec.json.encode(document), status)


def read_json(body: bytes) -> Any:
    """A body as JSON.

    Raises:
        RequestError: 400, it is none.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the body is not valid: {error}", status=400) from None


def records_of_columns(columns: Mapping[str, Any]) -> list[Record]:
    """Turn equally long columns into rows.

    Raises:
        RequestError: a column is no list, or lengths differ.

    >>> records_of_columns({"a": [1, 2], "b": ["x", "y"]})
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}]
    """
    lengths = {name: len(values) if isinstance(values, list) else None for name, values in columns.items()}
    if None in lengths.values() or len(set(lengths.values())) > 1:
        raise RequestError(f"columns must be lists of one length, not {lengths}", status=422)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def require_records(value: object, place: str) -> list[Record]:
    """The rows of a list of objects.

    Raises:
        RequestError: it is something else.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise RequestError(f"{place} must be a list of objects, one a row", status=422)
    return value


def optional_object(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The JSON object of this name; an empty one where it is absent or null.

    Raises:
        RequestError: it is something else.
    """
    value = document.get(name)
    return {} if value is None else require_object(value, name)


def require_object(value: object, place: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        RequestError: it is something else.
    """
    if not isinstance(value, dict):
        raise RequestError(f"{place} must be a JSON object", status=422)
    return value
