"""The Samples tab: recorded and newly drawn samples."""
