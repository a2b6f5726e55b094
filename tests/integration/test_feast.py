"""The generated Feast repository: real apply, materialize, online and historical reads, equal to our tables."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ai_patterns.clients.feast import open_store
from ai_patterns.clients.feast_repository import service_name
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.online_features import OnlineFeatureReader
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.feature_store import apply_repository, check_freshness, materialize
from ai_patterns.spec.system import SystemSpec
from serving_system import LAST_CHANGE, bakery, publish_values, value_at

pytestmark = pytest.mark.integration
