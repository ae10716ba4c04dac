"""What happens to a request: the worker process and its parts."""
