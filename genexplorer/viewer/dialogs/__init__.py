"""Dialogs of the viewer."""
