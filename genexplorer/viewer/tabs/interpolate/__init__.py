"""The Interpolate tab: the decoded path between two endpoints in the latent space."""
