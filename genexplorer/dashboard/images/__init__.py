"""Images as half blocks, and points as characters."""
