"""Tests of genexplorer/explore."""
