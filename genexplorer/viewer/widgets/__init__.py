"""Widgets and drawing code that several parts of the viewer use."""
