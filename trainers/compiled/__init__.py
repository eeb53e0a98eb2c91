"""Compiled training steps: the recorded graph, and the policy of when to compile."""
