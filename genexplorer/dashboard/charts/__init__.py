"""Charts in braille characters."""
