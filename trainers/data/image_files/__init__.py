"""Folders of image files: found by stated rules, decoded to one size, cached as arrays."""
