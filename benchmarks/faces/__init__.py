"""The faces as processes of their own, as `benchmarks.startup` measures them."""
