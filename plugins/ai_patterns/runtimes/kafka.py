"""Apache Kafka in KRaft mode: one process is broker and controller."""

from __future__ import annotations

import base64
import socket
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from ai_patterns.errors import MissingDependencyError, ServiceUnavailableError
from ai_patterns.runtimes.programs import fetch_jars, find_java
from ai_patterns.runtimes.runtime import LOCALHOST, ProcessRuntime, free_port

POM = Path(__file__).with_name("kafka_pom.xml")

# The first compiler alone starts the broker in two thirds of the time, which is what short lives wait for.
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m")

_LOGGING = """\
rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1} %m%n
"""

# Retention goes by a record's timestamp, so replayed events of past years would vanish within minutes: keep all,
# and let a topic declare less. One node: whatever is replicated by default is not.
_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
log.retention.ms=-1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.min.isr=1
"""


class Kafka(ProcessRuntime):
    """A real broker of one node."""

    name = "kafka"

    def prepare(self, port: int) -> Sequence[str]:
        """Fetch the jars, write the settings, and format the data folder once.

        Raises:
            MissingProgramError: there is no Java, or no Maven to fetch the jars with.
            ServiceUnavailableError: the jars cannot be fetched, or the data folder cannot be formatted.
        """
        java = find_java()
        settings = self.home / "server.properties"
        settings.write_text(
            _SETTINGS.format(host=LOCALHOST, port=port, controller=free_port(), data=self.data), "utf-8"
        )
        (self.home / "log4j2.properties").write_text(_LOGGING, "utf-8")
        run = [
            str(java), *_JVM, f"-Dlog4j2.configurationFile=file:{self.home}/log4j2.properties",
            "-cp", f"{fetch_jars(POM, java)}/*",
        ]  # fmt: skip
        if not (self.data / "meta.properties").exists():
            _format(run, settings)
        return [*run, "kafka.Kafka", str(settings)]

    def answers(self) -> bool:
        """Whether the broker tells its metadata and counts itself among the brokers in service."""
        try:
            from confluent_kafka import KafkaException
            from confluent_kafka.admin import AdminClient
        except ImportError:
            raise MissingDependencyError("confluent-kafka", "kafka") from None
        try:
            socket.create_connection((LOCALHOST, self.port or 0), 1).close()  # the client would log each refusal
            return bool(AdminClient({"bootstrap.servers": self.address}).list_topics(timeout=2).brokers)
        except (OSError, KafkaException):
            return False


def _format(run: Sequence[str], settings: Path) -> None:
    # A leading dash would be read as an option.
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
    command = [*run, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", str(settings)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - Java, as found above
    if done.returncode:
        told = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise ServiceUnavailableError(f"Kafka's storage tool cannot format the folder told in {settings}\n{told}")
