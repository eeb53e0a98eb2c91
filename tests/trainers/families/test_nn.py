import pytest
import torch
from torch import nn

from trainers.families.nn import upsample_conv


@pytest.mark.parametrize(("outputs", "size"), [(1, (14, 14)), (1, (3, 5)), (2, (4, 4))])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_an_upsampling_layer_is_torchs_transposed_convolution_and_so_are_its_gradients(
    outputs: int, size: tuple[int, int], layout: torch.memory_format
) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = upsample_conv(6, outputs).double()
    plain = nn.ConvTranspose2d(6, outputs, 4, 2, 1).double()
    plain.load_state_dict(layer.state_dict())
    assert {name: tensor.shape for name, tensor in layer.state_dict().items()} == {
        name: tensor.shape for name, tensor in plain.state_dict().items()
    }
    x = torch.randn((3, 6, *size), generator=generator, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    results = []
    for one in (layer, plain):
        outputs_of_x = one(x)
        first = torch.autograd.grad(outputs_of_x.square().sum(), [x, *one.parameters()], create_graph=True)
        second = torch.autograd.grad(torch.stack([(slope**2).sum() for slope in first]).sum(), [x, *one.parameters()])
        results.append([outputs_of_x, *first, *second])
    assert results[0][0].shape == (3, outputs, 2 * size[0], 2 * size[1])
    assert all(torch.allclose(ours, theirs, rtol=1e-9) for ours, theirs in zip(*results, strict=True))
