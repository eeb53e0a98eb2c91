"""Training in the background: the launcher that starts workers and the main of the worker itself."""
