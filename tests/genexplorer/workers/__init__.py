"""Tests of genexplorer/workers."""
