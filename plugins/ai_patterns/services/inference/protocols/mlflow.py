"""MLflow's scoring protocol, `POST /invocations` (MLflow documentation, "Local Inference Server")."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from ai_patterns.services.inference.requests import (
    Answer,
    Predictions,
    Query,
    Record,
    RequestError,
    json_answer,
    optional_object,
    read_json,
    records_of_columns,
    require_object,
    require_records,
)

if TYPE_CHECKING:
    from ai_patterns.services.inference.guard import Headers
    from ai_patterns.services.inference.service import Service

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def read(body: bytes, headers: Headers, service: Service) -> Query:
    """Read a request: JSON in one of the four forms, or CSV.

    Raises:
        RequestError: it is malformed.
    """
    if not headers.get(b"content-type", b"").startswith(b"text/csv"):
        return parse(read_json(body))
    try:
        query = parse_csv(body.decode("utf-8"))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"the body is not valid: {error}", status=400) from None
    return Query(service.predictor.parser.from_text(query.records))


def answer(_: Query, predictions: Predictions) -> Answer:
    """The response."""
    return json_answer(render(predictions))


def parse(body: object) -> Query:
    """Read a JSON body; `params.decided_at` tells when the decisions are made.

    Raises:
        RequestError: not exactly one of the four forms, or malformed.
    """
    document = require_object(body, "the body")
    forms = [form for form in FORMS if form in document]
    if len(forms) != 1:
        raise RequestError(f"the body must hold exactly one of {', '.join(FORMS)}, not {len(forms)}", status=422)
    params = optional_object(document, "params")
    return Query(_records(forms[0], document[forms[0]]), params.get("decided_at"))


def parse_csv(text: str) -> Query:
    """Read `text/csv` with a header; an empty field is null.

    Raises:
        RequestError: there is no row, or one has more or fewer values than the header.
    """
    columns, *rows = [row for row in csv.reader(io.StringIO(text)) if row] or [[]]
    if not rows:
        raise RequestError("the CSV must hold a header and at least one row", status=422)
    return Query(_rows(columns, [[value or None for value in row] for row in rows], "the CSV"))


def render(predictions: Predictions) -> dict[str, Any]:
    """MLflow's `predictions`; the keys beside it are ours."""
    return {"predictions": predictions.numbers(), **predictions.extras()}


def _records(form: str, value: object) -> list[Record]:
    if form == "dataframe_split":
        return _split(require_object(value, form))
    if form == "inputs" and isinstance(value, dict):
        return records_of_columns(value)
    return require_records(value, form)


def _split(frame: dict[str, Any]) -> list[Record]:
    columns, data = frame.get("columns"), frame.get("data")
    if not isinstance(columns, list) or not isinstance(data, list):
        raise RequestError("dataframe_split must hold the lists columns and data", status=422)
    return _rows(columns, data, "dataframe_split")


def _rows(columns: list[Any], data: list[Any], place: str) -> list[Record]:
    if not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
        raise RequestError(f"the columns of {place} must have a name each", status=422)
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise RequestError(f"row {number} of {place} must hold {len(columns)} values", status=422)
    return [dict(zip(columns, row, strict=True)) for row in data]
