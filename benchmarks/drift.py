"""Profiles and distances of a year of flights beside Evidently's drift preset, each in a fresh process, in one run.

16 features; December against the eleven months before; once the 336 thousand real rows, once each of them 30 times.
Our values are compared with scipy's before a time counts. Writes `.run/bench/drift.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugins"), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from ai_patterns.clients.lake import Lake  # noqa: E402
from ai_patterns.core.drift import in_groups  # noqa: E402
from ai_patterns.spec.loading import load_system  # noqa: E402
from flights_year import features_of_the_year  # noqa: E402

OUTPUT, HOME = Path(".run/bench/drift.json"), Path(".run/bench/evidently").absolute()
PACKAGES = ("evidently==0.7.23", "pandas<3", "pyarrow")
SIDES = ROOT / "benchmarks" / "drift_sides"
FEATURES = 16
WINDOW = "2013-12-01"
GOALS = {1: {"seconds": 15.0, "megabytes": 20.0}, 30: {"seconds": 60.0, "megabytes": 20.0}}
"""By how often each row is there: how many times less time and memory we mean to take."""


def main() -> None:
    """Measure both sides at each size."""
    options = _arguments()
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        year = features_of_the_year(load_system(ROOT / "include" / "systems" / "flights"), Lake(name, "flights"))
        year = year.select(["day", *_chosen(year)])
        for times in options.times:
            path = folder / f"{times}.parquet"
            with pq.ParquetWriter(path, year.schema) as writer:
                for _ in range(times):
                    writer.write_table(year)
            figures.append(_compare(year, path, times, options.runs))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


def _chosen(year: pa.Table) -> list[str]:
    """All categorical features and the first numeric ones."""
    words = [field.name for field in year.schema if pa.types.is_string(field.type)]
    numbers = [name for name in year.column_names if name not in (*words, "day")]
    return [*words, *numbers][:FEATURES]


def _compare(year: pa.Table, path: Path, times: int, runs: int) -> dict[str, Any]:
    variables = {"PYTHONPATH": str(ROOT / "plugins"), "OMP_NUM_THREADS": "1"}
    ours = [_run(sys.executable, SIDES / "ours.py", path, variables) for _ in range(runs)]
    _require_scipys(year, ours[0][0], times)
    theirs = _run(str(_python()), SIDES / "evidently_report.py", path, {"PYTHONPATH": ""})
    if theirs[0]["rows"] != ours[0][0]["rows"]:
        raise RuntimeError("the sides read different rows")
    mine = {name: sorted(side[1][name] for side in ours)[runs // 2] for name in ours[0][1]}
    ratios = {name: theirs[1][name] / mine[name] for name in mine}
    goals = GOALS.get(times, {})
    met = {name: ratios[name] >= goal for name, goal in goals.items()}
    sides = {"ours": mine, "evidently": theirs[1]}
    return {"rows": ours[0][0]["rows"], **sides, "ratios": ratios, "goals": goals, "met": met}


def _run(python: str, script: Path, path: Path, variables: dict[str, str]) -> tuple[dict[str, Any], dict[str, float]]:
    """What a fresh process printed, its wall time and its peak memory."""
    environment = {**os.environ, **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    started = time.perf_counter()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(  # noqa: S603
            [python, str(script), str(path), WINDOW], stdout=printed, env=environment
        )
        status = process.wait()
        seconds = time.perf_counter() - started
        printed.seek(0)
        lines = printed.read().splitlines()
    if status:
        raise RuntimeError(f"{script.name} ended with {status}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer, {"seconds": seconds, "megabytes": answer["megabytes"]}


def _require_scipys(year: pa.Table, ours: dict[str, Any], times: int) -> None:
    """Every distance equals scipy's on counts that numpy finds in the same bins."""
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import chi2_contingency, ks_2samp

    found = {(check, name): value for check, name, value in ours["found"]}
    late = year["day"].to_numpy() >= np.datetime64(WINDOW)
    for name in year.column_names[1:]:
        codes, size = _codes(year[name], ours["edges"].get(name))
        parts = [codes[~late & (codes >= 0)], codes[late & (codes >= 0)]]
        pair = tuple(np.bincount(part, minlength=size) * float(times) for part in parts)
        if name in ours["edges"]:
            exact = ks_2samp(*parts, method="asymp").statistic
            np.testing.assert_allclose(found["kolmogorov_smirnov", name], exact, atol=1e-9, err_msg=name)
            pair = in_groups(*pair)
        used = np.array(pair)[:, sum(pair) > 0]
        np.testing.assert_allclose(found["jensen_shannon", name], jensenshannon(*pair, base=2), atol=1e-7)
        np.testing.assert_allclose(found["chi_square", name], chi2_contingency(used, correction=False).statistic)


def _codes(column: pa.ChunkedArray, edges: list[float] | None) -> tuple[np.ndarray[Any, Any], int]:
    """Bin of each row, -1 where it has no value, and the number of bins."""
    if edges is not None:
        values = column.to_numpy()
        return np.where(np.isnan(values), -1, np.searchsorted(edges, values)), len(edges) + 1
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.fill_null(-1).to_numpy(), len(encoded.dictionary)


def _python() -> Path:
    """Python of the peer's environment, which is made once."""
    if not (HOME / "installed").exists():
        subprocess.run([".uv/bin/uv", "venv", "--quiet", "--clear", "--python", "3.11", str(HOME)], check=True)  # noqa: S603
        install = [".uv/bin/uv", "pip", "install", "--quiet", "--compile-bytecode", "--python"]
        subprocess.run([*install, str(HOME / "bin" / "python"), *PACKAGES], check=True)  # noqa: S603
        (HOME / "installed").touch()
    return HOME / "bin" / "python"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, nargs="*", default=[1, 30], help="how often each row is there")
    parser.add_argument("--runs", type=int, default=3, help="runs of our side; the median counts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
