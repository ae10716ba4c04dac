"""The verbs of the worker's side."""
