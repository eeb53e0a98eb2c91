"""The machine learning of genexplorer: families of generative models, the loop that trains them, what they are asked.

Importable without any app. Files that import torch: `loop`, `vae`, `nn`, `latent`, `ema`, and the folder `evaluation`.
"""
