"""The application: command line, terminal dashboard and desktop viewer around the training in `trainers`."""

__version__ = "0.1.0"
