"""Benchmarks: the worker against its peers, on a private broker node and a stub centre."""
