"""Tests of genexplorer/cli."""
