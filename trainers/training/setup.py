"""Sets up a training: data on the device, the model with its initial weights, and everything that trains it."""

from trainers import registry
from trainers.compiled.policy import CompilePolicy
from trainers.compiled.precision import AutocastContext, use_bfloat16
from trainers.data import preprocess
from trainers.data.dataset import ImageData, PointData
from trainers.data.preprocess import ResidentPoints
from trainers.evaluation.points import PointReference
from trainers.families.interface import build
from trainers.model_card import DataCard
from trainers.plan import Plan
from trainers.training import optim, rng, schedule, timing
from trainers.training.ema import Ema
from trainers.training.point_images import PointImages
from trainers.training.sample_images import SampleImages
from trainers.training.session import TrainingSession
from trainers.training.torch_settings import select_device


def set_up(plan: Plan, clock: timing.Clock) -> TrainingSession:
    """Return a training at step 0.

    Raises:
        ConfigError: if the machine lacks what the plan needs, or the model is too large.
        DataError: if the data cannot be read.
    """
    config = plan.config
    device = select_device(config.execution.device)
    plan.num_parameters()  # refuses an oversized model before it is allocated
    # Load the data, and build the model with weights from a stream of its own.
    data: ImageData | PointData = registry.resolve(plan.dataset.load)(plan.data_options)
    with rng.seeded(config.seed, "weights"):
        model = build(plan.family, plan.model_options, plan.image_shape)
    model.to(device)
    sampler = rng.BatchSampler(len(data.train), config.optim.batch_size * model.batches_per_step, config.seed)
    # Move the data to the device, and choose what is drawn at each snapshot.
    train_data: preprocess.TrainImages | ResidentPoints
    test_data: preprocess.TestImages | ResidentPoints
    sample_images: SampleImages | PointImages
    reference = None
    if isinstance(data, PointData):
        train_data, test_data = ResidentPoints(data.train, device), ResidentPoints(data.test, device)
        sample_images = PointImages(plan.capabilities(), model.latent_shape, data, device)
        reference = PointReference.of(data, plan.capabilities())
    else:
        test_data = preprocess.TestImages(data.test, plan.binarization, device)
        train_data = preprocess.TrainImages(data.train, plan.binarization, device)
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
        length=schedule.Length.of(config.schedule, sampler.steps_per_epoch),
        clock=clock,
    )


def data_card(plan: Plan, data: ImageData | PointData) -> DataCard:
    """Return the model card's description of a data set; the data themselves can then be freed.

    Its `setup` names the preprocessing, "dynamic binarization", and the part of the data that is used.
    """
    options = plan.data_options
    is_points = isinstance(data, PointData)
    setup = ["points of the plane" if is_points else preprocess.describe_setup(plan.binarization)]
    if is_points and hasattr(options, "noise"):
        setup.append(f"noise {options.noise:g}")
    for name, split, images in (("limit", "training", data.train), ("limit_test", "test", data.test)):
        if getattr(options, name, None) is not None:
            setup.append(f"first {len(images):,} {split} images")
    return DataCard(
        name=data.name,
        num_train=len(data.train),
        num_test=len(data.test),
        num_classes=data.num_classes,
        setup=", ".join(setup),
        kind="points" if is_points else "images",
    )
