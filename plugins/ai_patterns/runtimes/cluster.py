"""What local clusters have in common: several Java processes that share one folder of settings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from ai_patterns.runtimes.programs import find_java
from ai_patterns.runtimes.runtime import ProcessRuntime, Runtime

# The first compiler alone starts the parts in half the time, which is what short lives wait for.
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

LOGGING = """\
rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1} %m%n
"""
"""Log4j's settings: every part tells its standard output, which is its log."""


class Part(ProcessRuntime):
    """One Java process of a cluster; it reads the settings that all parts share.

    Args:
        cluster: the folder of the whole cluster.

    Attributes:
        main: its main class.
        jvm: options of its Java, beside those of all parts.
    """

    main: str
    jvm: Sequence[str]
    patience = 300.0  # parts that start at the same time wait for one another

    def __init__(self, cluster: Path) -> None:
        super().__init__(cluster / self.name)
        self.cluster = cluster.absolute()
        self.log = self.cluster / "log" / f"{self.name}.log"

    def prepare(self, port: int) -> Sequence[str]:
        """Fetch the jars, once.

        Raises:
            MissingProgramError: there is no Java, or no Maven to fetch the jars with.
            ServiceUnavailableError: the jars cannot be fetched.
        """
        return [*self.java(), self.main, *self.arguments(port)]

    def java(self) -> list[str]:
        """The command up to the main class."""
        java = find_java()
        environment = {"JAVA_HOME": str(java.resolve().parent.parent), **self.environment()}
        return [
            "/usr/bin/env", *(f"{name}={value}" for name, value in environment.items()),
            str(java), *_JVM, *self.jvm, f"-Dlog4j2.configurationFile=file:{self.settings}/log4j2.properties",
            "-cp", self.classpath(java),
        ]  # fmt: skip

    @property
    def settings(self) -> Path:
        """The folder of the settings."""
        return settings(self.cluster)

    def told(self, path: str) -> Any | None:
        """What the part answers at a path of its port, None when nothing useful."""
        if self.port is None:  # parts start at the same time, and ask for one another
            return None
        try:
            response = httpx.get(f"http://{self.address}{path}", timeout=2)
            return response.json() if response.is_success else None
        except (httpx.HTTPError, ValueError):
            return None

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Variables that it needs."""

    @abstractmethod
    def classpath(self, java: Path) -> str:
        """Where its classes are; `java` runs the program that fetches them."""

    @abstractmethod
    def arguments(self, port: int) -> Sequence[str]:
        """What follows the main class."""


class Cluster(Runtime):
    """Parts that are started, told about and ended together.

    No part starts a lost one again: `up` brings back whichever is missing.
    """

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.log = self.home / "log"

    @property
    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """The processes."""

    @property
    def groups(self) -> frozenset[int]:
        """The process groups of all parts."""
        return frozenset().union(*(part.groups for part in self.parts))

    def down(self) -> bool:
        """End every part; False when none ran."""
        with ThreadPoolExecutor(len(self.parts)) as pool:
            return any(list(pool.map(lambda part: part.down(), self.parts)))

    def answers(self) -> bool:
        """Whether every part runs and serves."""
        return all(part.groups and part.answers() for part in self.parts)

    def start_parts(self, ports: Mapping[Part, int | None]) -> bool:
        """Start the parts that do not run, at the same time; False when all ran.

        Args:
            ports: where some of them listen; the others do so at the port of their last start, or at a free one.
        """
        with ThreadPoolExecutor(len(self.parts)) as pool:
            return any(list(pool.map(lambda part: part.up(ports.get(part)), self.parts)))


def settings(cluster: Path) -> Path:
    """The folder of a cluster's settings."""
    return cluster / "settings"


def opened(packages: Sequence[str]) -> list[str]:
    """Options that open packages of Java's base module to reflection.

    >>> opened(["java.nio"])
    ['--add-opens=java.base/java.nio=ALL-UNNAMED']
    """
    return [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in packages]
