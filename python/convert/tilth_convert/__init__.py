"""Turns MLflow models into graphs, in the environment of the model."""
