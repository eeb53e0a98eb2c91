"""Data sets: image files and toy densities, and their preprocessing."""
