"""Real workers and what they deliver in one situation or another, as `benchmarks.sharing` measures them."""
