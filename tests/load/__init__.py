"""Many people at once on the real app: `python -m tests.load` measures, `make soak` at length."""
