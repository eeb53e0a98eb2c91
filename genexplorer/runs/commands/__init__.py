"""Commands to a running worker and their acknowledgements, as small JSON files."""
