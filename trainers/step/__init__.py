"""One training step: forward, backward, clipping, the optimizer update, and the EMA of the weights."""
