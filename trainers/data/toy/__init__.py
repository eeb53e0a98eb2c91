"""Toy densities in two dimensions."""
