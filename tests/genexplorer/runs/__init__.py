"""Tests of genexplorer/runs."""
