"""The outside world: files, Delta, MLflow, Spark sessions."""
