"""Tests of genexplorer/session."""
