"""Tests of genexplorer/dashboard."""
