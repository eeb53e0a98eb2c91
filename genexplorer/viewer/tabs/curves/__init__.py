"""The Curves tab: metrics over steps or time."""
