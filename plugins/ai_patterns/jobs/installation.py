"""Systems by their names, where `Home` says that they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_patterns.clients.home import Home
from ai_patterns.spec.discovery import system_folder
from ai_patterns.spec.loading import load_system

if TYPE_CHECKING:
    from ai_patterns.clients.lake import Lake
    from ai_patterns.clients.mlflow import Registry
    from ai_patterns.spec.system import SystemSpec


def spec_of(name: str) -> SystemSpec:
    """The system `name` of this installation.

    Raises:
        SpecError: there is none, or its spec is wrong.
    """
    return load_system(system_folder(name, Home.from_environment().systems))


def open_system(name: str) -> tuple[SystemSpec, Lake]:
    """The system `name` and its lake."""
    from ai_patterns.clients.lake import Lake

    return spec_of(name), Lake(Home.from_environment().lake, name)


def open_registry(name: str) -> Registry:
    """The models of the system `name`."""
    from ai_patterns.clients.mlflow import Registry

    return Registry(Home.from_environment().tracking, name)
