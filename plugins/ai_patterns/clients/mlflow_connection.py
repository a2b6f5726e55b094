"""MLflow without its noise, and its failures as ours."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ai_patterns.errors import MissingDependencyError, ServiceUnavailableError

CONN_ID = "ai_patterns_mlflow"
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def quiet_mlflow() -> Any:
    """MLflow without telemetry, progress bars and long retries; what the environment says stays.

    Raises:
        MissingDependencyError: it is not installed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import mlflow
    except ImportError:
        raise MissingDependencyError("mlflow", "models") from None
    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    return mlflow


@contextmanager
def reaching(what: str) -> Iterator[None]:
    """Say of every failure of the registry that it may pass, and which connection leads there.

    Args:
        what: what was asked for, for the message.

    Raises:
        ServiceUnavailableError: MLflow, its database or its artifacts failed.
    """
    failures = _failures()
    try:
        yield
    except failures as error:
        reason = str(error).strip().partition("\n")[0]
        raise ServiceUnavailableError(f"the model registry failed ({what}): {reason}.", conn_id=CONN_ID) from error


def _failures() -> tuple[type[Exception], ...]:
    failures: tuple[type[Exception], ...] = (quiet_mlflow().MlflowException, OSError)
    try:
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:  # a server behind HTTP needs no database driver here
        return failures
    return (*failures, SQLAlchemyError)
