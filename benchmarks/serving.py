"""Our inference service, with feature look-up, prediction log and metrics, beside servers that get the features given.

One model (200 trees), one row a request, one worker each, 8 clients that send the next request when they have the
answer to the last. The scores of all sides are compared before a time is taken. Our predictions go to a real Kafka on
the same machine, which runs as long as our side does. Writes `.run/bench/serving.json`.
"""

from __future__ import annotations

import argparse
import compileall
import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugins"), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from model_servers.running import Run, running  # noqa: E402
from model_servers.sides import OURS, PEERS, Side  # noqa: E402
from model_servers.stage import Stage, build  # noqa: E402

OUTPUT = Path(".run/bench/serving.json")
CLIENTS = 8
GOALS = {
    "mlflow": {"rps": 40.0, "p99": 10.0, "peak_mb": 4.0, "cold_s": 10.0},
    "bentoml": {"rps": 10.0},
}
"""How many times better we mean to be: more requests, or less of anything else."""


def main() -> None:
    """Measure every side and print the ratios."""
    options = _arguments()
    compileall.compile_dir(ROOT / "plugins", quiet=1)  # what pip installs has its bytecode, as the peers have
    with tempfile.TemporaryDirectory() as folder:
        stage = build(Path(folder), 1)
        found = {side.name: _measure(side, stage, options.seconds) for side in _chosen(options.only)}
    figures = {"servers": found, "ratios": _ratios(found)}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


def _measure(side: Side, stage: Stage, seconds: float) -> dict[str, Any]:
    try:
        with running(side, stage, _free_port()) as run:
            np.testing.assert_allclose(side.scores(run.answer), stage.scores, rtol=1e-5, err_msg=side.name)
            _load(run, side, stage, 2.0)
            figures = _load(run, side, stage, seconds)
            found = {**figures, "peak_mb": run.peak(), "cold_s": run.cold}
    except (RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
        found = {"failed": str(error)}  # a peer that does not install or start is told, not hidden
        if side is OURS:
            raise
    print(side.name, json.dumps(found), flush=True)
    return found


def _load(run: Run, side: Side, stage: Stage, seconds: float) -> dict[str, Any]:
    script = str(ROOT / "benchmarks" / "model_servers" / "load.py")
    command = [sys.executable, script, str(run.port), side.path, str(stage.bodies[side.body]), str(CLIENTS)]
    done = subprocess.run([*command, str(seconds)], check=True, capture_output=True, text=True)  # noqa: S603
    figures: dict[str, Any] = json.loads(done.stdout)
    if figures["wrong"]:
        raise RuntimeError(f"{side.name}: {figures['wrong']} answers were not 200")
    return figures


def _ratios(found: dict[str, Any]) -> list[dict[str, Any]]:
    ratios = []
    for name, theirs in found.items():
        for measure in ("rps", "p99", "peak_mb", "cold_s") if name != OURS.name and "failed" not in theirs else ():
            ours = found[OURS.name][measure]
            times = ours / theirs[measure] if measure == "rps" else theirs[measure] / ours
            goal = GOALS.get(name, {}).get(measure)
            ratios.append({"peer": name, "measure": measure, "times_better": round(times, 1), "goal": goal})
            if goal is not None:
                ratios[-1]["met"] = times >= goal
    return ratios


def _chosen(names: str | None) -> list[Side]:
    return [OURS, *(side for side in PEERS if names is None or side.name in names.split(","))]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each side's load (default: %(default)s)")
    parser.add_argument("--only", help="peers to run, comma separated (default: all)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
