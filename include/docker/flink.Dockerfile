# Flink with the connector to Kafka that its image leaves out; the version is that of the local runtime's pom.
FROM docker.io/library/maven:3.9-eclipse-temurin-17 AS jars
COPY plugins/ai_patterns/runtimes/flink_pom.xml /pom.xml
RUN mvn -q -B -ntp -f /pom.xml dependency:copy-dependencies -DoutputDirectory=/jars \
    -DincludeArtifactIds=flink-sql-connector-kafka

FROM docker.io/library/flink:2.3.0-java17
COPY --from=jars /jars/*.jar /opt/flink/lib/
RUN mkdir /flink && chown flink:flink /flink
VOLUME /flink
