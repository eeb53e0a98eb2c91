"""The fixed parts of the main screen around the tabs."""
