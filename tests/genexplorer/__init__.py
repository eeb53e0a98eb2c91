"""Tests of genexplorer."""
