"""Commands that query a model and write an image or animation."""
