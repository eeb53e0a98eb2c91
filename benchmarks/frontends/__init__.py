"""Front ends as separate processes, as `benchmarks.startup` measures them."""
