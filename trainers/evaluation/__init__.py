"""Metrics on held-out data that do not depend on the family."""
