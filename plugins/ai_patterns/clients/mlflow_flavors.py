"""Predictions of models that others have registered, whatever MLflow flavor they are of.

Unlike our own servers, which read ONNX alone, this loads a model the way its flavor says, and that may run code which
was registered with it. It is for tasks of a team on models of its own, never for a serving process.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ai_patterns.clients.mlflow_connection import CONN_ID, quiet_mlflow, reaching
from ai_patterns.core.metrics import Vector
from ai_patterns.errors import ServiceRejectedError
from ai_patterns.spec.model import Task


class FlavorScorer:
    """Scores rows by versions of one registered model.

    Args:
        tracking_uri: the registry.
        name: the registered model.
        task: what it predicts.
    """

    def __init__(self, tracking_uri: str, name: str, task: Task) -> None:
        self.tracking_uri, self.name, self.task = tracking_uri, name, task

    def __call__(self, version: int, rows: pa.Table) -> Vector:
        """P(positive) or the value of each row.

        Raises:
            ServiceRejectedError: a column is absent, or what the model answers is neither a number a row nor, for a
                classification, a probability for each of two classes.
            ServiceUnavailableError: the registry cannot be reached, or the model cannot be loaded.
        """
        where = f"models:/{self.name}/{version}"
        with reaching(where), tempfile.TemporaryDirectory() as folder:
            model = self._load(version, folder)
            columns = _columns(model, rows, where)
            answer = _ask(model, rows.select(columns).to_pandas(), self.task)
        return _one_a_row(np.asarray(answer), rows.num_rows, self.task, where)

    def _load(self, version: int, folder: str) -> Any:
        mlflow = quiet_mlflow()
        client = mlflow.MlflowClient(self.tracking_uri, registry_uri=self.tracking_uri)
        uri = client.get_model_version_download_uri(self.name, str(version))
        path = mlflow.artifacts.download_artifacts(uri, dst_path=folder, tracking_uri=self.tracking_uri)
        return mlflow.pyfunc.load_model(path)


def _columns(model: Any, rows: pa.Table, where: str) -> list[str]:
    schema = model.metadata.get_input_schema()
    if schema is None or not schema.has_input_names():
        raise ServiceRejectedError(
            f"{where} was logged without a signature that names its columns; log it with `signature=` or "
            "`input_example=`",
            conn_id=CONN_ID,
        )
    columns = [str(name) for name in schema.input_names()]
    absent = [name for name in columns if name not in rows.column_names]
    if absent:
        problem = f"{where} reads {', '.join(absent)}, which the evaluation rows do not have"
        raise ServiceRejectedError(problem, conn_id=CONN_ID)
    return columns


def _ask(model: Any, frame: pd.DataFrame, task: Task) -> Any:
    """A classifier is asked for probabilities; one whose flavor has none answers by `predict`."""
    try:
        native = model.get_raw_model() if task == "classification" else None
    except NotImplementedError:  # a function of the user's own
        native = None
    ask = getattr(native, "predict_proba", model.predict)
    return ask(frame)


def _one_a_row(answer: np.ndarray[Any, Any], rows: int, task: Task, where: str) -> Vector:
    if task == "classification" and answer.shape == (rows, 2):
        answer = answer[:, 1]
    if answer.size != rows or not np.issubdtype(answer.dtype, np.number):
        problem = f"{where} answers {answer.dtype} of shape {answer.shape}; a number for each of {rows} rows is needed"
        raise ServiceRejectedError(problem, conn_id=CONN_ID)
    vector = answer.reshape(rows).astype(np.float64)
    classes = np.issubdtype(answer.dtype, np.integer)
    if task == "classification" and (classes or not bool(((vector >= 0) & (vector <= 1)).all())):
        what = "classes" if classes else "values beyond 0 and 1"
        problem = f"{where} answers {what}, not probabilities; log it with `pyfunc_predict_fn='predict_proba'`"
        raise ServiceRejectedError(problem, conn_id=CONN_ID)
    return vector
