"""The Interpolate tab: the way between two ends in the latent space, and what the decoder makes of it."""
