"""Entry script of the Spark job that builds a system's features; see `ai_patterns.jobs.spark_features`."""

from ai_patterns.jobs.spark_features import main

main()
