"""The fixed parts of the window around the tabs."""
