"""Arrow without pandas: in processes of their own, since a process loads Arrow once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LOAD = "import sys; from ai_patterns.cli.arrow import load_arrow; load_arrow(); "
CASES = {
    "the command needs no pandas": LOAD
    + "import ai_patterns.clients.mlflow, ai_patterns.jobs.lineage, ai_patterns.jobs.resting; "
    "import pyarrow as pa, pyarrow.dataset as ds; pa.table({'a': [1]}).filter(ds.field('a') == 1); "
    "assert 'pandas' not in sys.modules",
    "whoever wants a data frame gets one": LOAD
    + "import pyarrow as pa; assert pa.table({'a': [1, None]}).to_pandas()['a'].isna().sum() == 1",
    "a process with Arrow stays as it is": "import pyarrow as pa; "
    + LOAD
    + "pa.scalar(1); assert 'pandas' in sys.modules",
}


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_pandas_is_imported_where_it_is_wanted_alone(code: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
