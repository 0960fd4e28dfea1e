"""Score rows with a model that MLflow has saved."""
