"""Answers to requests about a trained model: decode, encode, sample, trace, invert. Needs torch."""
