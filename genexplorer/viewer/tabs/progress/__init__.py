"""The Progress tab: the same latents through all of training, beside the curves at that step."""
