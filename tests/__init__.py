"""Tests; one pytest process a suite, see the Makefile."""
