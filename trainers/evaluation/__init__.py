"""Metrics on test data that do not depend on the family."""
