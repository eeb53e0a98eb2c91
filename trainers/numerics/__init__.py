"""Numerics that models, training and inference share: precision, matrix products, random numbers, and grids."""
