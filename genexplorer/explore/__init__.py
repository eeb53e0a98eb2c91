"""The model process that front ends send requests to, and its client; front ends never import torch."""
