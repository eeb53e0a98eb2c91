"""The Flow tab: the data after each transform of a normalizing flow."""
