"""Runs for the measurements of exploring, and what is told of waiting times."""
