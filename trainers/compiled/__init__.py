"""Compiled training steps: tracing, compilation policy, precision and matrix products."""
