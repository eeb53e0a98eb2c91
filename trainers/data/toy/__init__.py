"""2-D toy data sets with known densities."""
