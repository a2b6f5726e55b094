"""One builder per pattern: a system in, its DAGs out."""
