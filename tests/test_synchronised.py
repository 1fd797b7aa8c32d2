"""Several processes normalise a batch as one process does."""

import warnings
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn import functional as F

from gaugan.spade.norm import normalise
from gaugan.spade.synchronised import SynchronisedBatchNorm, processes, synchronise

CPU = torch.device("cpu")
PICTURES, BATCHES = 4, 3
CASES = {"halves": (2, 0.1), "uneven": (3, 0.1), "cumulative": (2, None)}
"""Pictures of the first of two processes, and the momentum."""


def make(*, momentum: float | None = 0.1) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4, momentum=momentum),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4, 5, 3),
        nn.BatchNorm2d(5, affine=False, momentum=momentum),
    ).double()


def learn(network: nn.Module, part: slice) -> dict[str, dict[str, Tensor]]:
    """What some pictures of each batch become, and what is learned from them; they are unlike each other."""
    rng = torch.Generator().manual_seed(1)
    made, of_pictures = {}, {}
    for batch in range(BATCHES):
        pictures = torch.randn(PICTURES, 3, 6, 9, generator=rng).double() + torch.arange(PICTURES).view(-1, 1, 1, 1)
        weights = torch.randn(PICTURES, 5, 4, 7, generator=rng).double()
        x = pictures[part].requires_grad_()
        y = network(x)
        (y * weights[part]).sum().backward()
        made[f"{batch}"], of_pictures[f"{batch}"] = y.detach(), x.grad
    return {
        "made": made,
        "of_pictures": of_pictures,
        "of_parameters": {key: p.grad for key, p in network.named_parameters()},
        "kept": dict(network.named_buffers()),
        "evaluated": {"": network.eval()(pictures[part]).detach()},
    }


def repeat(norm: nn.Module, part: slice) -> dict[str, Tensor]:
    """What a normalisation keeps of some pictures whose pixels stand for four each."""
    x = torch.randn(PICTURES, 4, 3, 5, generator=torch.Generator().manual_seed(1)).double()
    normalise(norm, x[part], repeats=2)
    return dict(norm.named_buffers())


def learn_together(rank: int, meeting: str, folder: Path) -> None:
    """What one of two processes does."""
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", meeting, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    learned = {}
    for name, (first, momentum) in CASES.items():
        part = slice(0, first) if rank == 0 else slice(first, PICTURES)
        learned[name] = learn(synchronise(make(momentum=momentum), device=CPU), part)
        norm = synchronise(nn.BatchNorm2d(4, momentum=momentum).double(), device=CPU)
        learned[name]["repeated"] = repeat(norm, slice(2 * rank, 2 * rank + 2))
    learned["processes"] = processes()
    torch.save(learned, folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(learn_together, ((folder / "meeting").as_uri(), folder), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def assert_same(ours: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert ours.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.allclose(ours[key].double(), value.double(), rtol=0, atol=1e-12), key


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("what", ["made", "of_pictures", "evaluated"])
def test_each_process_has_its_part_of_what_one_makes_of_all_pictures(learned, name, what):
    expected = learn(make(momentum=CASES[name][1]), slice(None))[what]
    parts = [process[name][what] for process in learned]
    assert_same({key: torch.cat([part[key] for part in parts]) for key in expected}, expected)


@pytest.mark.parametrize("name", CASES)
def test_what_the_processes_learn_adds_up_to_what_one_learns(learned, name):
    expected = learn(make(momentum=CASES[name][1]), slice(None))["of_parameters"]
    one, other = (process[name]["of_parameters"] for process in learned)
    assert_same({key: one[key] + other[key] for key in one}, expected)


@pytest.mark.parametrize("name", CASES)
def test_every_process_keeps_the_statistics_of_all(learned, name):
    expected = learn(make(momentum=CASES[name][1]), slice(None))["kept"]
    for process in learned:
        assert_same(process[name]["kept"], expected)


@pytest.mark.parametrize("name", CASES)
def test_repeated_pixels_are_counted_in_all_processes(learned, name):
    plain = nn.BatchNorm2d(4, momentum=CASES[name][1]).double()
    x = torch.randn(PICTURES, 4, 3, 5, generator=torch.Generator().manual_seed(1)).double()
    plain(F.interpolate(x, scale_factor=2))
    for process in learned:
        assert_same(process[name]["repeated"], dict(plain.named_buffers()))


def test_processes_are_counted(learned):
    assert processes() == 1
    assert [process["processes"] for process in learned] == [2, 2]


def test_a_process_alone_normalises_as_torch_does():
    plain, ours = learn(make(), slice(None)), learn(synchronise(make(), device=CPU), slice(None))
    assert all(torch.equal(ours[what][key], value) for what in plain for key, value in plain[what].items())


def test_a_network_is_synchronised_wherever_it_normalises_a_batch():
    network = synchronise(nn.ModuleDict({"deep": make(), "instance": nn.InstanceNorm2d(3)}), device=CPU)
    kinds = [type(layer) for layer in network.modules() if "Norm" in type(layer).__name__]
    assert kinds == [SynchronisedBatchNorm, SynchronisedBatchNorm, nn.InstanceNorm2d]
    assert all(isinstance(network["deep"][i], nn.BatchNorm2d) for i in (1, 4))


def test_a_synchronised_network_holds_the_same_tensors_and_settings():
    norm = nn.BatchNorm2d(4, eps=0.1, momentum=0.3).eval().requires_grad_(False)
    ours = synchronise(norm, device=CPU)
    before, after = norm.state_dict(keep_vars=True), ours.state_dict(keep_vars=True)
    assert before.keys() == after.keys()
    assert all(after[key] is value for key, value in before.items())
    assert (ours.eps, ours.momentum, ours.training) == (0.1, 0.3, False)


def test_on_a_gpu_torch_synchronises():
    network = synchronise(make(), device=torch.device("cuda"))
    assert isinstance(network[1], nn.SyncBatchNorm)
    assert network.state_dict().keys() == make().state_dict().keys()
