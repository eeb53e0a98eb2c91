"""The Theory tab: equation, terms and pipeline of the model."""
