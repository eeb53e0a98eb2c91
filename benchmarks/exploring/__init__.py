"""Runs, latencies and viewer tabs for the benchmarks of the model process."""
