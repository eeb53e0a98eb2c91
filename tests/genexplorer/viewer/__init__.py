"""Tests of genexplorer/viewer."""
