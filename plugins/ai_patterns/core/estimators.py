"""Estimators by import path: any factory of an object with scikit-learn's `fit` and `predict`."""

from __future__ import annotations

import difflib
import importlib
import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_patterns.errors import MissingDependencyError, SpecError
from ai_patterns.spec.model import ModelSpec, Task


def make_estimator(model: ModelSpec) -> Any:
    """Build the estimator that the spec names, with its parameters.

    Raises:
        SpecError: the module, the name in it or a parameter does not exist; carries the nearest that does.
        MissingDependencyError: scikit-learn is not installed.

    >>> spec = ModelSpec(estimator="sklearn.linear_model.Ridge", parameters={"alpha": 2}, features={"a": ("x",)})
    >>> make_estimator(spec)
    Ridge(alpha=2)
    """
    factory = _import(model.estimator)
    names = _parameter_names(factory)
    for name in model.parameters:
        if names is not None and name not in names:
            raise SpecError(
                f"{model.estimator} takes no parameter {name!r}",
                field="model.parameters",
                nearest=_closest(name, names),
            )
    return factory(**model.parameters)


def fit_estimator(estimator: Any, matrix: NDArray[np.float32], truth: Any, weights: Any = None) -> Any:
    """Fit an estimator, or a pipeline's last step, with weights where there are any.

    Raises:
        SpecError: there are weights, and its `fit` takes no `sample_weight`.
    """
    if weights is None:
        return estimator.fit(matrix, truth)
    name, last = estimator.steps[-1] if hasattr(estimator, "steps") else ("", estimator)
    if "sample_weight" not in inspect.signature(last.fit).parameters:
        raise SpecError(
            f"{type(last).__name__}.fit takes no sample_weight, which exploration's weights need; choose an estimator "
            "that does, such as HistGradientBoostingClassifier, or remove `exploration`",
            field="model.estimator",
        )
    return estimator.fit(matrix, truth, **{f"{name}__sample_weight" if name else "sample_weight": weights})


def predict(estimator: Any, task: Task, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """P(positive) for classification, the value for regression.

    Args:
        estimator: a fitted estimator.
        task: what it was fitted for.
        matrix: n_rows x n_features, float32.

    Returns:
        n_rows, float64.
    """
    answer = estimator.predict_proba(matrix)[:, 1] if task == "classification" else estimator.predict(matrix)
    return np.asarray(answer, dtype=np.float64).reshape(-1)


def _import(path: str) -> Any:
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        if module_name.partition(".")[0] == "sklearn" and error.name == "sklearn":
            raise MissingDependencyError("scikit-learn", "models") from None
        raise SpecError(f"the estimator's module cannot be imported: {error}", field="model.estimator") from None
    except ValueError:
        raise SpecError(f"{path!r} is no import path such as package.Name", field="model.estimator") from None
    if not callable(getattr(module, name, None)):
        names = [item for item in getattr(module, "__all__", dir(module)) if not item.startswith("_")]
        nearest = _closest(name, names)
        raise SpecError(
            f"{module_name} has no estimator {name!r}",
            field="model.estimator",
            nearest=f"{module_name}.{nearest}" if nearest else None,
        )
    return getattr(module, name)


def _parameter_names(factory: Any) -> list[str] | None:
    """Names of the parameters, None where any name is taken."""
    parameters = inspect.signature(factory).parameters
    if any(item.kind is item.VAR_KEYWORD for item in parameters.values()):
        return None
    return list(parameters)


def _closest(word: str, names: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, names, n=1, cutoff=0.5)), None)
