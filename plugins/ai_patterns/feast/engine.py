"""A materialization engine for Feast that streams, and tells exactly what it materialized.

Feast's own engine reads every row of the window, keeps them all in memory as Python objects, and forgets what it did.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa
from feast import BatchFeatureView, Entity, FeatureView, StreamFeatureView
from feast.infra.common.materialization_job import MaterializationJobStatus, MaterializationTask
from feast.infra.compute_engines.local.compute import LocalComputeEngine
from feast.infra.compute_engines.local.job import LocalMaterializationJob
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import FeastConfigBaseModel
from feast.utils import _get_column_names

from ai_patterns.feast.ledger import Ledger, Materialization
from ai_patterns.feast.writing import write_arrow

