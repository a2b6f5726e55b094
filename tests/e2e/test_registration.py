"""The plugin registers once: dropped in, installed as a wheel, and both together."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

FRESH = ("PYTHONPATH", "AI_PATTERNS_HOME", "AIRFLOW_HOME", "AIRFLOW__CORE__PLUGINS_FOLDER", "VIRTUAL_ENV")


def run_airflow(python: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in FRESH}
    environment |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [str(python), "-m", "airflow", *arguments]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=300, check=False)


def registrations(python: Path, home: Path) -> list[str]:
    """Sources of the plugin, once for each registration; a double one is an error in the log."""
    done = run_airflow(python, home, "plugins", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert "already registered" not in done.stdout + done.stderr
    rows = json.loads(done.stdout[done.stdout.index("[") :])
    return [row["source"] for row in rows if row["name"] == "ai_patterns"]


@pytest.fixture(scope="module")
def uv(repository: Path) -> Path:
    found = repository / ".uv" / "bin" / "uv"
    assert found.exists(), "uv is not installed; `make setup` brings it"
    return found


@pytest.fixture(scope="module")
def wheel(repository: Path, uv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run([uv, "build", "--wheel", "--out-dir", target, repository], check=True, capture_output=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def fresh_python(repository: Path, uv: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with Airflow 3.3.2 and the wheel, nothing asked for beyond them."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    lock = [line for line in (repository / "requirements.lock").read_text("utf-8").splitlines() if "==" in line]
    constraints = folder.parent / "constraints.txt"
    constraints.write_text("\n".join(line.rstrip(" \\") for line in lock) + "\n", "utf-8")
    subprocess.run([uv, "venv", "--python", "3.11", folder], check=True, capture_output=True)
    python = folder / "bin" / "python"
    install = [uv, "pip", "install", "--python", python, "--constraint", constraints, "apache-airflow==3.3.2", wheel]
    subprocess.run(install, check=True, capture_output=True)
    return python


def drop_in(repository: Path, home: Path) -> Path:
    home.mkdir()
    for name in ("dags", "plugins", "include"):
        shutil.copytree(repository / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    return home


def test_the_drop_in_registers_once_and_its_dags_import(repository: Path, tmp_path: Path) -> None:
    python, home = repository / ".venv" / "bin" / "python", drop_in(repository, tmp_path / "home")
    assert registrations(python, home) == ["$PLUGINS_FOLDER/ai_patterns/plugin.py"]
    assert run_airflow(python, home, "db", "migrate").returncode == 0
    assert run_airflow(python, home, "dags", "reserialize").returncode == 0
    listed = run_airflow(python, home, "dags", "list-import-errors", "--output", "json")
    assert "[]" in listed.stdout or "No data found" in listed.stdout, listed.stdout


def test_the_wheel_registers_once(fresh_python: Path, tmp_path: Path) -> None:
    sources = registrations(fresh_python, tmp_path)
    assert len(sources) == 1
    assert sources[0].startswith("ai-patterns-airflow==")


def test_wheel_and_drop_in_register_once(repository: Path, fresh_python: Path, tmp_path: Path) -> None:
    assert len(registrations(fresh_python, drop_in(repository, tmp_path / "home"))) == 1


def test_the_wheel_is_a_provider_and_brings_the_command(fresh_python: Path, tmp_path: Path) -> None:
    listed = run_airflow(fresh_python, tmp_path, "providers", "list", "--output", "plain")
    assert "ai-patterns-airflow" in listed.stdout
    command = fresh_python.parent / "ai-patterns"
    environment = {**os.environ, "AI_PATTERNS_SYSTEMS": str(tmp_path / "systems")}
    environment.pop("PYTHONPATH", None)
    made = subprocess.run([command, "new", "pumps"], env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


FORMS = """
import json
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
widgets = manager.connection_form_widgets
hidden = {name: told["hidden_fields"] for name, told in manager.field_behaviours.items()}
secret = [name for name, told in widgets.items() if told.is_sensitive]
testable = [name for name, hook in manager.hooks.items() if hook and hook.connection_testable]
print(json.dumps({"hidden": hidden, "secret": secret, "testable": testable}))
"""


def test_the_wheel_brings_connection_types_with_forms(fresh_python: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in FRESH}
    done = subprocess.run(
        [fresh_python, "-c", FORMS], env={**environment, "AIRFLOW_HOME": str(tmp_path)}, check=True, capture_output=True
    )
    forms = json.loads(done.stdout.splitlines()[-1])
    assert "login" in forms["hidden"]["ai_patterns_lake"]
    assert "extra__ai_patterns_lake__AWS_SECRET_ACCESS_KEY" in forms["secret"]
    names = ("lake", "mlflow", "online_store", "serving", "prometheus", "flink", "kubeflow")
    assert {f"ai_patterns_{name}" for name in names} <= set(forms["testable"])


def test_the_wheel_brings_airflow_the_command_too(fresh_python: Path, tmp_path: Path) -> None:
    made = run_airflow(fresh_python, tmp_path, "ai-patterns", "new", "pumps")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "include" / "systems" / "pumps" / "system.yaml").exists()
    wrong = run_airflow(fresh_python, tmp_path, "ai-patterns", "--", "explain", "pumps", "nothing")
    assert wrong.returncode == 1
    assert "error: numpy is not installed. Install it with: pip install 'ai-patterns-airflow[all]'" in wrong.stderr
