"""The machine learning of genexplorer: families of generative models, the loop that trains them, what they are asked.

Importable without any app. Free of torch, so that faces may import them: `config`, `presets`, `registry`, `events`,
`card`, `theory`, `errors`, `assets`, `durable`, `checkpoint`, the families' descriptors, and `data` but for
`data.preprocess`.
"""
