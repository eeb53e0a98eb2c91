"""The public API: training on own data and with own models, and registering them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import trainers
from tests.trainers import tiny
from tests.trainers.fake_models import Level
from tests.trainers.families.minimal_family import AUTOENCODER
from tests.trainers.own_models import IMAGES, POINTS, TINY, Autoencoder, Mean, last_snapshot, run
from trainers import registry
from trainers.config import Section
from trainers.data import catalog
from trainers.data.arrays import from_arrays
from trainers.data.dataset import ImageData
from trainers.events import ImagesReady, Stop
from trainers.storage import checkpoint


def test_a_preset_trains_on_own_arrays_with_labels() -> None:
    labels = np.arange(300) % 3
    events = run("vae-2d", data=IMAGES / 255, labels=labels, steps=10, settings=TINY)
    card = last_snapshot(events).card
    assert (card.data.name, card.data.num_train, card.data.num_test, card.data.num_classes) == ("arrays", 270, 30, 3)
    assert card.image_shape == (1, 8, 6) and "dynamic binarization" in card.data.setup
    assert tiny.of(events, trainers.Finished)[-1].outcome == "succeeded"


def test_floats_and_bytes_are_the_same_data() -> None:
    first, second = (trainers.make_plan("vae-2d", data=data, steps=1) for data in (IMAGES, IMAGES / 255))
    load = [plan.dataset.load(plan.data_options) for plan in (first, second) if callable(plan.dataset.load)]
    assert np.array_equal(load[0].train, load[1].train) and np.array_equal(load[0].test, load[1].test)


def test_half_precision_tensors_are_data() -> None:
    images = torch.from_numpy(IMAGES / 255)
    half = from_arrays(images.to(torch.bfloat16).requires_grad_()).load
    assert callable(half) and abs(half(None).train.mean() - IMAGES.mean()) < 2


def test_a_pair_is_kept_as_training_and_test_split() -> None:
    color = np.zeros((4, 3, 8, 6), np.float32)
    dataset = from_arrays((color, color[:2]), ([0, 1, 2, 3], [0, 1]))
    assert callable(dataset.load) and callable(dataset.peek)
    loaded = dataset.load(None)
    assert loaded.train.shape == (4, 8, 6, 3) and loaded.test.shape == (2, 8, 6, 3) and dataset.peek(None) == (3, 8, 6)
    assert loaded.train_labels.tolist() == [0, 1, 2, 3]


def test_presets_bring_their_binarization_to_own_data(tmp_path: Path) -> None:
    assert trainers.make_plan("vae-2d", data=IMAGES).binarization == "dynamic"
    assert trainers.make_plan("realnvp", data=IMAGES).binarization == "none"
    assert trainers.make_plan("vae-2d", data=IMAGES, settings={"data.binarization": "static"}).binarization == "static"
    assert trainers.make_plan(Mean(1, 8, 6), data=IMAGES).binarization == "none"


def test_a_folder_is_data_and_a_configuration_is_a_model(folder: Path) -> None:
    plan = trainers.make_plan("realnvp", data=folder, epochs=2, seed=7)
    assert (plan.config.data.name, plan.binarization) == ("idx", "none")
    longer = trainers.make_plan(plan.config, steps=5)
    assert (longer.config.seed, longer.config.schedule.steps, longer.config.schedule.epochs) == (7, 5, None)


def test_an_own_module_is_trained_in_place_and_has_every_capability_it_implements() -> None:
    module = Autoencoder()
    before = module.down.weight.detach().clone()
    plan = trainers.make_plan(module, data=IMAGES, steps=20, settings={"execution.threads": 1})
    events = list(trainers.train(plan))
    assert not torch.equal(before, module.down.weight)
    started = tiny.of(events, trainers.Started)[0]
    assert {"train/loss", "train/code_norm", "test/loss_ema", "test/code_norm_raw"} <= {m.name for m in started.metrics}
    assert {event.kind for event in tiny.of(events, ImagesReady)} >= {"samples", "reconstructions"}
    model = trainers.load(last_snapshot(events), plan=plan)
    assert model.reconstruct(IMAGES[:3]).shape == (3, 1, 8, 6) and model.sample(4).shape == (4, 1, 8, 6)
    with pytest.raises(trainers.UserError, match=r"does not support 'log_prob': Autoencoder has no log_prob"):
        model.log_prob(IMAGES[:3])
    assert all(parameter is not other for parameter in model.module.parameters() for other in module.parameters())


@pytest.mark.parametrize(("data", "shape"), [(IMAGES, (1, 8, 6)), (POINTS, (2,))])
def test_a_module_with_nothing_but_a_loss_trains(data: np.ndarray, shape: tuple[int, ...]) -> None:
    events = run(Mean(*shape), data=data, steps=15)
    assert tiny.of(events, trainers.Finished)[-1].outcome == "succeeded"
    assert not tiny.of(events, ImagesReady)


def test_the_noise_of_an_own_module_follows_the_seed() -> None:
    def trained(seed: int) -> Tensor:
        torch.manual_seed(0)
        module = Autoencoder()
        torch.manual_seed(seed + 99)  # the global state has no influence
        run(module, data=IMAGES, steps=10, seed=seed)
        return module.down.weight.detach()

    assert torch.equal(trained(3), trained(3)) and not torch.equal(trained(3), trained(4))


def test_checking_a_loss_leaves_no_trace_in_the_module() -> None:
    module = Autoencoder()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.random.get_rng_state()
    next(trainers.train(module, data=IMAGES, steps=1))
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_instance_of_model_is_trained_as_it_is() -> None:
    class Scale(Level):
        def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
            return {"model": list(self.parameters())}

        def training_step(self, batch: Tensor, context: Any) -> Any:
            from trainers.families.interface import Objective

            yield Objective("model", -self.log_prob(batch).mean())

        def metrics(self) -> list[Any]:
            return []

        def evaluator(self, num_images: int, seed: int) -> Any:
            class Nothing:
                def add(self, x: Tensor, start: int) -> None: ...
                def result(self) -> dict[str, float]:
                    return {}

            return Nothing()

    plan = trainers.make_plan(Scale((1, 8, 6)), data=IMAGES, steps=5, settings={"execution.threads": 1})
    card = last_snapshot(list(trainers.train(plan))).card
    assert {n for n, c in card.capabilities.items() if c.available} >= {
        "sample",
        "encode",
        "log_prob",
        "trace",
        "critic",
    }


def test_a_training_resumes_from_a_checkpoint_folder(tmp_path: Path) -> None:
    class StopAt:
        def poll(self, step: int) -> list[Stop]:
            return [Stop()] if step == 6 else []

        def watchers(self) -> Any:
            return tiny.Script({}).watchers()

    plan = trainers.make_plan("vae-2d", data=IMAGES, steps=12, settings={**TINY, "execution.deterministic": True})
    state = tiny.of(list(trainers.train(plan, control=StopAt())), trainers.CheckpointReady)[-1]
    checkpoint.save(tmp_path / "c", state.arrays, state.meta)
    resumed = last_snapshot(list(trainers.train(plan, resume=tmp_path / "c")))
    unbroken = last_snapshot(list(trainers.train(plan)))
    assert state.step == 6 and resumed.step == 12
    assert all(np.array_equal(value, unbroken.arrays[name]) for name, value in resumed.arrays.items())


def test_saved_images_are_data_for_any_process(tmp_path: Path) -> None:
    color = np.random.default_rng(0).integers(0, 256, (20, 3, 8, 6), dtype=np.uint8)
    folder = trainers.save_images(tmp_path / "d", color, np.arange(20))
    loaded = catalog.load(catalog.IdxFolderOptions(path=str(folder)))
    assert loaded.image_shape == (3, 8, 6) and len(loaded.test) == 2 and loaded.train_labels is not None
    assert all(
        np.array_equal(image, color[label].transpose(1, 2, 0))
        for image, label in zip(loaded.train, loaded.train_labels, strict=True)
    )
    trainers.save_images(folder, (IMAGES, IMAGES[:5]))  # replaces shapes and labels
    replaced = catalog.load(catalog.IdxFolderOptions(path=str(folder)))
    assert np.array_equal(replaced.train[..., 0], IMAGES) and replaced.train_labels is None
    with pytest.raises(trainers.DataError, match="2-D points cannot be saved"):
        trainers.save_images(folder, POINTS)


# Import
def test_importing_trainers_needs_no_torch() -> None:
    code = "import sys, trainers; assert 'train' in dir(trainers); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(trainers, name) is not None for name in trainers.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = trainers.nothing


@pytest.fixture
def clean_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    caches = registry.families, registry.datasets, registry.presets
    monkeypatch.setattr(registry, "_registered_families", {})
    monkeypatch.setattr(registry, "_registered_datasets", {})
    yield
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


@pytest.mark.usefixtures("clean_registry")
def test_a_registered_data_set_is_data_by_name() -> None:
    pixels = IMAGES[..., None]
    spec = trainers.DataSet(
        "mine",
        "my images",
        Section,
        load=lambda options: ImageData("mine", pixels[:200], pixels[200:]),
        peek=lambda options: (1, 8, 6),
    )
    trainers.register_dataset(spec)
    events = run("realnvp", data="mine", steps=2, settings={"model.architecture": "mlp", "model.hidden": [8]})
    assert last_snapshot(events).card.data.name == "mine"
    with pytest.raises(trainers.ConfigError, match="already a data set 'mine'"):
        trainers.register_dataset(spec)


@pytest.mark.usefixtures("clean_registry")
def test_a_registered_family_brings_its_presets() -> None:
    trainers.register_family(AUTOENCODER)
    plan = trainers.make_plan("autoencoder", data=IMAGES, steps=5, settings={"model.latent_dim": 3})
    model = trainers.load(last_snapshot(list(trainers.train(plan))), plan=plan)
    assert model.reconstruct(IMAGES[:2]).shape == (2, 1, 8, 6) and model.latent_dim == 3
