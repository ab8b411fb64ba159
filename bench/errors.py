"""The benchmark's own error."""

__all__ = ["BenchError"]


class BenchError(Exception):
    """Something that the benchmark needs is not as it must be; the message says what."""
