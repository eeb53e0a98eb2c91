"""The Encode tab: an image, what the encoder says of it, and what the decoder makes of that."""
