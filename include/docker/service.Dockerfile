# The feature, inference and feedback services and the stream worker, without Airflow: one image, four commands.
#   docker build -f include/docker/service.Dockerfile -t ai-patterns-services .
#   docker run ai-patterns-services ai_patterns.services.features      (or .inference, .stream_worker)
#   docker run ai-patterns-services ai_patterns.cli feedback flights
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm
ARG UV=ghcr.io/astral-sh/uv:0.13.9

FROM ${UV} AS uv

FROM ${BASE} AS build
COPY --from=uv /uv /usr/local/bin/uv
ARG UV_CACHE_DIR=/tmp/uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1
COPY include/docker/services.lock /tmp/services.lock
RUN uv venv --no-config /app/.venv \
    && uv pip sync --no-config --python /app/.venv/bin/python --require-hashes /tmp/services.lock
COPY plugins/ai_patterns /app/plugins/ai_patterns
COPY include/contracts /app/include/contracts
COPY include/systems /app/include/systems
RUN python3 -m compileall -q /app/plugins

FROM ${BASE}
COPY --from=build /app /app
# All that a service writes lies on a mount: the lake, the stores, and /tmp.
ENV PATH=/app/.venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONPATH=/app/plugins PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 \
    HOME=/tmp AI_PATTERNS_HOME=/tmp AI_PATTERNS_SYSTEMS=/app/include/systems AI_PATTERNS_HOST=0.0.0.0
WORKDIR /app
# The id of Astro's user, so that Airflow and the services write to one lake.
USER 50000:50000
EXPOSE 6566 8090 8091 8092
ENTRYPOINT ["python", "-m"]
CMD ["ai_patterns.services.inference"]
