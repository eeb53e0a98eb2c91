"""Commands that write images and animations of a model."""
