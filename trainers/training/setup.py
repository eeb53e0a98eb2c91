"""Sets up a training: torch's global settings, the data, the model with its initial weights, the session."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from trainers import openmp
from trainers.compiled.policy import CompilePolicy
from trainers.config import ExecutionConfig
from trainers.data import loading, preprocess
from trainers.data.dataset import ImageData, PointData
from trainers.data.fingerprint import fingerprint as fingerprint_data
from trainers.data.preprocess import DevicePoints
from trainers.errors import ConfigError
from trainers.evaluation.points import PointReference
from trainers.families.interface import build
from trainers.families.nn import count
from trainers.model_card import DataCard
from trainers.numerics import matmul, rng
from trainers.numerics.precision import AutocastContext, use_bfloat16
from trainers.plan import Plan
from trainers.registry import Family
from trainers.step import optim
from trainers.step.ema import Ema
from trainers.training import timing
from trainers.training.point_images import PointImages
from trainers.training.sample_images import SampleImages
from trainers.training.session import TrainingSession


def set_up(plan: Plan, clock: timing.Clock) -> TrainingSession:
    """Return a training at step 0.

    Raises:
        ConfigError: if the machine lacks the device or compiler that the plan needs, or the model is too large.
        DataError: if the data cannot be read.
    """
    config = plan.config
    device = select_device(config.execution.device)
    num_parameters = plan.num_parameters()  # refuses an oversized model before it is allocated
    # Load the data, and build the model with weights from a stream of its own.
    data = loading.load(plan.dataset, plan.data_options)
    with rng.seeded(config.seed, "weights"):
        model = build(plan.family, plan.model_options, plan.image_shape)
    _check_count(plan.family, num_parameters, count(model))
    model.to(device)
    sampler = rng.BatchSampler(len(data.train), config.optim.effective_batch_size * model.batches_per_step, config.seed)
    # Move the data to the device, and choose the sample images of each snapshot.
    train_data: preprocess.TrainImages | DevicePoints
    test_data: preprocess.TestImages | DevicePoints
    sample_images: SampleImages | PointImages
    reference = None
    if isinstance(data, PointData):
        train_data, test_data = DevicePoints(data.train, device), DevicePoints(data.test, device)
        sample_images = PointImages(plan.capabilities(), model.latent_shape, data, device)
        reference = PointReference.of(data, plan.capabilities())
    else:
        test_data = preprocess.TestImages(data.test, plan.binarization, device)
        train_data = preprocess.TrainImages(
            data.train, plan.binarization, device, preprocess.Augmentation.of(plan.data_options)
        )
        sample_images = SampleImages(plan.capabilities(), model.latent_shape, data, test_data, device)
    return TrainingSession(
        plan,
        device=device,
        model=model,
        ema=Ema(model, config.optim.ema_decay),
        optimizers={name: optim.build(config.optim, group) for name, group in model.optimizer_groups().items()},
        autocast=AutocastContext(device, bfloat16=use_bfloat16(config.execution, device, model.supports_bf16)),
        compile_policy=CompilePolicy(config.execution, device),
        data_card=data_card(plan, data),
        train_data=train_data,
        test_data=test_data,
        reference=reference,
        sampler=sampler,
        generator=rng.named_generator(config.seed, "training", device),
        sample_images=sample_images,
        length=timing.TrainingLength.of(config.schedule, sampler.steps_per_epoch),
        clock=clock,
    )


def _check_count(family: Family, declared: int, actual: int) -> None:
    """Refuse a wrong number of parameters, by which snapshots are checked before they are loaded."""
    if declared != actual:
        own = family.parameter_count is not None
        source = "its parameter_count returns" if own else "on torch's meta device it has"
        hint = "correct parameter_count, or leave it out" if own else "build the same model on every device"
        message = f"model.name: the model of family '{family.name}' has {actual:,} parameters, {source} {declared:,}"
        raise ConfigError(message, hint)


def data_card(plan: Plan, data: ImageData | PointData) -> DataCard:
    """Return the model card's description of a data set; the data themselves can then be freed.

    Its `setup` names the preprocessing, "dynamic binarization", and the part of the data that is used.
    """
    # Describe the preprocessing.
    options = plan.data_options
    is_point_data = isinstance(data, PointData)
    setup = [
        "points of the plane"
        if is_point_data
        else preprocess.describe_setup(plan.binarization, num_channels=plan.image_shape[0])
    ]
    if is_point_data and hasattr(options, "noise"):
        setup.append(f"noise {options.noise:g}")
    # Name the part of the data.
    for name, split, images in (("limit", "training", data.train), ("limit_test", "test", data.test)):
        if getattr(options, name, None) is not None:
            setup.append(f"first {len(images):,} {split} images")
    return DataCard(
        name=data.name,
        num_train=len(data.train),
        num_test=len(data.test),
        num_classes=data.num_classes,
        class_names=getattr(data, "class_names", ()),
        setup=", ".join(setup),
        kind="points" if is_point_data else "images",
        fingerprint=fingerprint_data(data),
    )


def select_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is CUDA where available, else the CPU.

    Raises:
        ConfigError: if this machine or this build of torch lacks it.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    is_available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not is_available[name]:
        raise ConfigError(f"execution.device: '{name}' is not available here", "use 'cpu' or 'auto'")
    return torch.device(name)


@contextmanager
def torch_settings(execution: ExecutionConfig, threads: int) -> Iterator[None]:
    """Set threads, determinism, denormals and the matrix library inside the block; restore them at the end.

    Denormals, below 1e-38, are flushed to 0. Adam's moments of weights that rarely have a gradient, such as those of
    pixels at the edge, decay into that range and stay there, where a processor is several times slower, some a hundred.

    Args:
        execution: Whether to use deterministic algorithms only.
        threads: Number of threads, bounded by the user's OpenMP limits; 0 for no change.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), _flushes_denormals()
    try:
        torch.set_flush_denormal(True)  # before other threads are started: they inherit it
        torch.set_num_threads(openmp.bounded(threads or before[0]))
        if execution.deterministic:  # required by cuBLAS, which reads it at first use
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(execution.deterministic)
        with matmul.prefer_onednn():
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.set_flush_denormal(before[2])


def _flushes_denormals() -> bool:
    return not (torch.tensor(2.0**-126) / 2).item()


def fingerprint(session: TrainingSession) -> dict[str, Any]:
    """Return the settings that must be equal for two attempts to agree bit for bit. Checkpoints have it.

    Its keys never change.
    """
    compiled = session.config.execution.compile == "on"
    return {
        "torch": str(torch.__version__),
        "device": str(session.device),
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "denormals": "flushed" if _flushes_denormals() else "kept",
        "products": "oneDNN" if matmul.onednn_is_better() else "default",
        "precision": "bfloat16" if session.autocast.bfloat16 else "float32",
        "compiled": "products turned" if compiled and session.device.type == "cpu" else compiled,  # see `matmul`
    }
