"""Measurements side by side, as ratios; never part of the tests."""
