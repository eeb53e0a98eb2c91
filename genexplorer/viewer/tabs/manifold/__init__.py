"""The Manifold tab: the latent plane filled with decoded pictures, with a cursor, points, and paths through it."""
