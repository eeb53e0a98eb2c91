"""The Encode tab: an image with its latent and its reconstruction."""
