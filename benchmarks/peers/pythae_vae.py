"""pythae's VAE of the same network, by pythae's own trainer. Needs torch and pythae."""

import tempfile
from typing import Any

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor, nn

from benchmarks.peers import mnist
from benchmarks.peers.loop import Loop, Setting, dense, learning

BATCH, CHUNK = 128, 20
FLAT = learning(dense(784, 400, 40) + dense(20, 400, 784), dense(784, 400))


class Encoder(BaseEncoder):  # type: ignore[misc]
    """784-400-20."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
        self.mean, self.logvar = nn.Linear(400, 20), nn.Linear(400, 20)

    def forward(self, x: Tensor) -> Any:
        """Return the posterior."""
        h = self.hidden(x.reshape(-1, 784))
        return ModelOutput(embedding=self.mean(h), log_covariance=self.logvar(h))


class Decoder(BaseDecoder):  # type: ignore[misc]
    """20-400-784."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())

    def forward(self, z: Tensor) -> Any:
        """Return the reconstruction."""
        return ModelOutput(reconstruction=self.layers(z).reshape(-1, 1, 28, 28))


def train(setting: Setting) -> Loop:
    """Return a loop whose epochs are CHUNK steps long, each run by the trainer's own `train_step`."""
    torch.set_num_threads(setting.threads)
    pixels = torch.from_numpy(mnist.images()[: CHUNK * BATCH]).unsqueeze(1).float().div(255)
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    trainer = BaseTrainer(
        VAE(config, Encoder(), Decoder()),
        BaseDataset(pixels, torch.zeros(len(pixels))),
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(), per_device_train_batch_size=BATCH, no_cuda=setting.device == "cpu"
        ),
    )
    # Set up its optimizer, without its progress bar.
    trainer.prepare_training()
    trainer.callback_handler.callbacks.clear()  # its progress bar

    def run(count: int) -> int:
        epochs = max(1, count // CHUNK)
        for epoch in range(epochs):
            trainer.train_step(epoch)
        return epochs * CHUNK

    return Loop(run, BATCH, FLAT, CHUNK)
