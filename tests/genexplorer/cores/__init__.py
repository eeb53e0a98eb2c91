"""Tests of genexplorer/cores."""
