"""Real workers and their throughput in several situations, as `benchmarks.sharing` measures them."""
