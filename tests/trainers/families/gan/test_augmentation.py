"""Differentiable augmentation: what each policy changes, its gradient, and where the GAN applies it."""

import pytest
import torch

from tests.trainers.families.gan.small_gan import SHAPES, Shape, context, gan, images
from trainers.families.gan.augmentation import augment

POLICIES = ("color", "translation", "cutout")


def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if min(shape[1:]) >= 7])
@pytest.mark.parametrize("policy", POLICIES)
def test_each_policy_changes_images_of_any_size_and_passes_gradients(policy: str, shape: Shape) -> None:
    x = (2 * images(shape, 64) - 1).requires_grad_()
    changed = augment(x, [policy], random())
    assert changed.shape == x.shape and not torch.equal(changed, x)
    changed.square().sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None and x.grad.isfinite().all() and x.grad.abs().sum() > 0


def test_no_policy_changes_nothing_and_draws_nothing() -> None:
    generator, x = random(), images((1, 9, 7))
    before = generator.get_state()
    assert augment(x, (), generator) is x
    assert torch.equal(generator.get_state(), before)


def test_color_is_affine_in_each_image() -> None:
    """Brightness shifts, saturation and contrast scale: one gray image stays gray, and its pixels stay in a line."""
    x = torch.linspace(-1, 1, 12).view(1, 1, 3, 4).expand(50, 3, -1, -1)
    changed = augment(x, ["color"], random())
    assert torch.allclose(changed, changed[:, :1], atol=1e-5), "gray stays gray"
    slopes = (changed[:, 0].flatten(1).diff() / x[:, 0].flatten(1).diff()).double()
    assert torch.allclose(slopes, slopes[:, :1].expand_as(slopes), atol=1e-4)
    assert slopes.min() + 1e-4 >= 0.5 and slopes.max() <= 1.5 + 1e-4
    means = changed.mean((1, 2, 3))
    assert -0.5 <= means.min() < -0.2 and 0.2 < means.max() <= 0.5


def test_translation_shifts_by_up_to_an_eighth_with_zeros() -> None:
    x = torch.arange(1.0, 16 * 24 + 1).view(1, 1, 16, 24)
    shifts = set()
    for result in augment(x.expand(300, -1, -1, -1), ["translation"], random())[:, 0]:
        rows, columns = (result > 0).nonzero().unbind(1)
        first = int(result[rows[0], columns[0]]) - 1
        down, right = int(rows[0]) - first // 24, int(columns[0]) - first % 24
        shifts.add((down, right))
        assert int((result > 0).sum()) == (16 - abs(down)) * (24 - abs(right))
    assert {down for down, _ in shifts} == set(range(-2, 3)) and {right for _, right in shifts} == set(range(-3, 4))


def test_cutout_sets_one_square_to_zero() -> None:
    results = augment(torch.ones((200, 2, 8, 8)), ["cutout"], random())
    for result in results:
        assert torch.equal(result[0], result[1])
        rows, columns = (result[0] == 0).nonzero().unbind(1)
        height, width = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
        assert len(rows) == height * width and height <= 4 and width <= 4
    assert ((results == 0).sum((1, 2, 3)) == 32).any(), "inside the image half of each side"


def test_the_discriminator_sees_augmented_images_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real images, generated images, and those by which the generator is updated."""
    model, seen = gan((1, 8, 8), diff_augment=("cutout",)), list[torch.Tensor]()
    logits = model.logits_of_scaled

    def record(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return logits(x)

    monkeypatch.setattr(model, "logits_of_scaled", record)
    real = torch.full((6, 1, 8, 8), 0.75)
    for objective in model.training_step(real, context(diff_augment=("cutout",))):
        assert objective.loss.isfinite()
    assert [len(x) for x in seen] == [12, 6]
    assert all((x == 0).flatten(1).any(1).all() for x in seen)
