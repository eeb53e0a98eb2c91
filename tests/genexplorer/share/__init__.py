"""Tests of the page that is shared."""
