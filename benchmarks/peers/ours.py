"""genexplorer's own loop, `trainers.training.loop.train`, of the networks that the others have. Needs this project."""

from typing import Any

import torch

from benchmarks.peers import conv_flow, flow_loops, gan_loops, vae_loops
from benchmarks.peers.loop import Loop, Setting
from trainers.config import ExecutionConfig
from trainers.presets import assemble
from trainers.training.loop import train

NEVER = 1e6  # seconds
EARLY = 101  # steps, with frequent snapshots at any speed
QUIET: dict[str, Any] = {"eval_every": 10**9, "snapshot_every_s": NEVER, "checkpoint_every_s": NEVER}
_SHARED: dict[str, Any] = {
    "optim": {"ema_decay": 0},
    "schedule": {"steps": 10**8, "lr": "constant", "warmup_steps": 0},
}
_FLAT_VAE = {"latent_dim": 20, "hidden": [400], "activation": "relu", "kl_warmup": 0}
NETWORKS: dict[str, tuple[str, dict[str, Any], int, float]] = {
    "vae": ("vae", {"data": {"binarization": "static"}, "model": _FLAT_VAE}, vae_loops.BATCH, vae_loops.FLAT),
    "gan": ("gan", {
        "model": {"latent_dim": 100, "hidden_g": [128, 256, 512, 1024], "hidden_d": [512, 256], "r1": 0},
    }, gan_loops.BATCH, gan_loops.FLAT),
    "flow": ("uva2019-nf", {}, flow_loops.BATCH, flow_loops.SPLIT),
    "conv-vae": ("vae-conv", {"data": {"binarization": "static"}}, vae_loops.BATCH, vae_loops.CONV),
    "dcgan": ("dcgan", {"model": {"r1": 0}}, gan_loops.BATCH, gan_loops.CONV),
    "conv-flow": ("realnvp", {"optim": {"grad_clip": None}}, conv_flow.BATCH, conv_flow.FLOPS),
}  # fmt: skip


class NotYetError(Exception):
    """This version of the loop has no such option."""


def training(setting: Setting) -> Loop:
    """Return the loop of one of NETWORKS, `options["network"]`, with the execution that the options ask for."""
    preset, layer, batch, flops = NETWORKS[setting.options["network"]]
    execution_options = {key: value for key, value in setting.options.items() if key != "network"}
    if missing := execution_options.keys() - ExecutionConfig.model_fields.keys():
        raise NotYetError(f"no execution.{', execution.'.join(sorted(missing))} yet")
    # Assemble the configuration and start the loop.
    execution = {**QUIET, **execution_options, "threads": setting.threads, "device": setting.device}
    shared = {} if preset == "uva2019-nf" else _SHARED  # that preset is held fixed
    events, step = train(assemble(preset, shared, layer, {"execution": execution})), 0

    def run(count: int) -> int:
        """Go on until as many more steps are done; metrics may arrive less often than every step."""
        nonlocal step
        start = step
        while step < start + count:
            step = max(step, next(events).step)
        if setting.device == "cuda":
            torch.cuda.synchronize()
        return step - start

    # Skip the first steps, which have frequent snapshots.
    run(EARLY)
    return Loop(run, batch, flops)
