"""The command `export`: a system for another scheduler than Airflow."""

from __future__ import annotations

import argparse
from pathlib import Path

from ai_patterns.cli.arguments import Commands, add_command, spec_of
from ai_patterns.errors import SpecError


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "export",
        "write a system's training pipeline for Kubeflow (KFP v2) and its server for KServe",
        "ai-patterns export kubeflow flights --image registry.example/ai-patterns:1.4 \\\n"
        "    --env AI_PATTERNS_LAKE=s3://lake --env AI_PATTERNS_TRACKING_URI=http://mlflow:5000",
    )
    command.add_argument("target", choices=["kubeflow"])
    command.add_argument("system")
    command.add_argument("--image", required=True, help="holds this project, its systems and the extra `kubeflow`")
    command.add_argument(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="what steps and server find in their environment",
    )
    command.add_argument("--output", type=Path, help="a folder; default: kubeflow/SYSTEM")
    command.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> None:
    from ai_patterns.jobs.kubeflow import export

    environment = dict(_pair(text) for text in options.env)
    folder = options.output or Path("kubeflow", options.system)
    for file in export(spec_of(options.system), folder, image=options.image, environment=environment):
        print(file)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise SpecError(f"--env takes NAME=VALUE, not {text!r}")
    return name, value
