"""Deployment: the private node of demo, tests and benchmarks; broker definitions."""
