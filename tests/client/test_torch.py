"""The PyTorch dataset: its samples, their order, and how a training loop resumes."""

import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from handsoff_client import BatchFolder, FolderSource, InvalidInput
from handsoff_client.torch import ClassLosses, HandsOffDataset, to_tensors, to_tv_tensors
from handsoff_shards.labels import Labels
from tests.client.conftest import batch_folder, depth_of, mask_of
from tests.shards.ignored_pixels import downloaded

# Machines with one core get a warning about two workers.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def dataset(folder: BatchFolder, **options: Any) -> HandsOffDataset:
    """Return a dataset whose samples have only an index."""
    arguments: dict[str, Any] = {
        "batch_size": 2,
        "fields": ("index",),
        "rank": 0,
        "world_size": 1,
    } | options
    return HandsOffDataset(folder.folder, **arguments)


def indices(batches: Any) -> list[int]:
    """Return the indices of the samples of batches."""
    return [int(index) for batch in batches for index in batch["index"]]


def test_a_sample_is_a_dict_of_tensors(batch_of_14: BatchFolder) -> None:
    """Labels are exact: indices up to 255, depth in meters with NaN for unknown, keypoints, uncertainty."""
    sample = next(iter(HandsOffDataset(batch_of_14.folder, shuffle=False)))
    assert sample["image"].shape == (3, 8, 8)
    assert sample["image"].dtype == torch.uint8
    assert sample["mask"].dtype == torch.int64
    assert torch.equal(sample["mask"], torch.from_numpy(mask_of(0)).long())
    known = torch.from_numpy(depth_of(0).astype("float32")) * 0.001
    assert torch.equal(sample["depth"].nan_to_num(0), known)
    assert int(sample["depth"].isnan().sum()) == int((depth_of(0) == 0).sum())
    assert sample["keypoints"].tolist() == [[1.5, 2.25, 2], [7.0, 0.5, 1]]


def test_soft_labels_are_probabilities_of_all_classes(tmp_path: Path) -> None:
    """They are a target of cross-entropy: float32 [classes, h, w] that adds up to 1."""
    sample = next(iter(HandsOffDataset(downloaded(tmp_path / "soft", 7).folder, shuffle=False)))
    soft, mask = sample["soft_labels"], sample["mask"]
    assert (soft.shape, soft.dtype) == ((3, *mask.shape), torch.float32)
    assert torch.allclose(soft.sum(dim=0), torch.ones(mask.shape))
    assert torch.equal(soft.argmax(dim=0), mask)
    assert soft.amax().item() == pytest.approx(200 / 255)
    assert not {"soft_classes", "soft_probabilities"} & sample.keys()


def test_soft_labels_may_stay_small(tmp_path: Path) -> None:
    """`soft="topk"` gives the kept classes and their probabilities."""
    data = HandsOffDataset(downloaded(tmp_path / "soft", 7).folder, shuffle=False, soft="topk")
    sample = next(iter(data))
    classes, probabilities = sample["soft_classes"], sample["soft_probabilities"]
    assert (classes.dtype, probabilities.dtype) == (torch.int64, torch.float32)
    assert classes.shape == probabilities.shape == (2, *sample["mask"].shape)
    assert torch.equal(classes[0], sample["mask"])
    assert torch.allclose(probabilities.amax(dim=(1, 2)) * 255, torch.tensor([200.0, 50.0]))
    assert "soft_labels" not in sample


def test_fields_select_soft_labels(tmp_path: Path) -> None:
    """Only selected fields are returned, and `to_tensors` can leave soft labels out."""
    folder = downloaded(tmp_path / "soft", 7)
    for fields in (("mask",), ("soft_labels",), ("image", "soft_labels")):
        sample = next(iter(HandsOffDataset(folder.folder, fields=fields)))
        assert tuple(sample) == fields
    plain = to_tensors(next(folder.samples()), folder.labels, soft=None)
    assert not [name for name in plain if "soft" in name]


def test_another_form_of_soft_labels_is_refused(batch_of_14: BatchFolder) -> None:
    """Also by a dataset without soft labels, before any read."""
    wrong: Any = "top-k"
    with pytest.raises(ValueError, match="'dense' or 'topk', got 'top-k'"):
        HandsOffDataset(batch_of_14.folder, soft=wrong)


def test_ignored_pixels_have_no_loss(tmp_path: Path) -> None:
    """With `ignore_index` of the dataset, cross-entropy accepts the masks, and ignored pixels get no gradient."""
    data = HandsOffDataset(downloaded(tmp_path / "soft", 7).folder, shuffle=False, batch_size=3)
    (batch,) = data.loader()
    logits = torch.zeros(3, 3, *batch["mask"].shape[1:], requires_grad=True)
    ignored = batch["mask"] == data.ignore_index
    assert data.ignore_index == 7
    assert ignored.any(dim=(1, 2)).tolist() == [False, True, True]
    F.cross_entropy(logits, batch["mask"], ignore_index=data.ignore_index).backward()
    assert logits.grad is not None
    assert (logits.grad.abs().sum(dim=1) == 0).equal(ignored)


def test_a_batch_without_soft_labels_has_no_such_keys(batch_of_14: BatchFolder) -> None:
    """Neither of the forms adds one."""
    for soft in ("dense", "topk"):
        sample = next(iter(HandsOffDataset(batch_of_14.folder, soft=soft)))
        assert not [name for name in sample if "soft" in name]


def test_an_epoch_has_every_sample_once_in_its_own_order(
    batch_of_14: BatchFolder,
) -> None:
    """The loader of the dataset also supports persistent workers."""
    loader = dataset(batch_of_14).loader(num_workers=2, persistent_workers=True)
    first, second = indices(loader), indices(loader)
    assert sorted(first) == sorted(second) == list(range(14))
    assert first != second
    assert loader.dataset.cursor.epoch == 2


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_the_order_is_the_same_with_any_number_of_workers(
    batch_of_14: BatchFolder, num_workers: int
) -> None:
    """The samples of a loop depend only on the seed."""
    alone = [int(sample["index"]) for sample in dataset(batch_of_14, seed=5)]
    assert indices(dataset(batch_of_14, seed=5).loader(num_workers=num_workers)) == alone


def test_the_state_counts_the_samples_of_the_loop(batch_of_14: BatchFolder) -> None:
    """Samples that workers have read ahead are read again after a resume."""
    data = dataset(batch_of_14)
    batches = iter(data.loader(num_workers=2, prefetch_factor=4))
    seen = indices([next(batches) for _ in range(3)])
    resumed = dataset(batch_of_14)
    resumed.load_state_dict(data.state_dict())
    assert sorted(seen + indices(resumed.loader())) == list(range(14))


def test_a_loop_that_is_left_early_continues(batch_of_14: BatchFolder) -> None:
    """The next loop over the same loader repeats no sample."""
    loader = dataset(batch_of_14).loader(num_workers=1)
    first = indices(batch for _, batch in zip(range(2), loader, strict=False))
    assert len(loader) == 7
    assert sorted(first + indices(loader)) == list(range(14))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loop_that_counts_batches_gets_the_next_epoch(
    batch_of_14: BatchFolder, num_workers: int
) -> None:
    """Lightning and the Trainer leave after the last batch. They do not ask for the end of the epoch."""
    loader = dataset(batch_of_14).loader(num_workers=num_workers)
    first, second = (indices(islice(loader, len(loader))) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(14))
    assert first != second


def test_a_loader_has_the_state_of_its_dataset(batch_of_14: BatchFolder) -> None:
    """Lightning keeps it. The length stays that of a whole epoch, which Lightning compares with the batches so far."""
    loader, resumed = (dataset(batch_of_14).loader() for _ in range(2))
    first = indices(islice(loader, 3))
    resumed.load_state_dict(loader.state_dict())
    assert (len(resumed), len(resumed.dataset)) == (7, 14)
    assert sorted(first + indices(resumed)) == list(range(14))


def test_a_state_of_another_order_is_refused(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """With another batch or seed, the position has another sample."""
    state = dataset(batch_of_14, seed=1).state_dict()
    for other in (dataset(batch_of_14), dataset(batch_folder(tmp_path / "other", 7), seed=1)):
        with pytest.raises(ValueError, match="expected a state of the order"):
            other.load_state_dict(state)


def test_another_loader_with_workers_has_no_state(batch_of_14: BatchFolder) -> None:
    """It works, but it does not count the samples of the loop. So `state_dict` raises."""
    data = dataset(batch_of_14)
    assert sorted(indices(DataLoader(data, batch_size=2, num_workers=2))) == list(range(14))
    with pytest.raises(RuntimeError, match=r"dataset\.loader"):
        data.state_dict()


@pytest.mark.parametrize("options", [{"in_order": False}, {"drop_last": True}])
def test_a_loader_that_cannot_count_is_refused(
    batch_of_14: BatchFolder, options: dict[str, Any]
) -> None:
    """Batches would be out of order or dropped silently."""
    with pytest.raises(ValueError, match="unknown"):
        dataset(batch_of_14).loader(num_workers=1, **options)


def test_real_data_has_its_share(batch_of_14: BatchFolder) -> None:
    """Every synthetic sample is used once, with one real sample per three of them. The transform gets both."""
    real = [{"index": -1 - number} for number in range(3)]
    data = dataset(batch_of_14, real=real, real_share=0.25, transform=lambda sample: sample)
    read = indices(data.loader(num_workers=2))
    assert sorted(index for index in read if index >= 0) == list(range(14))
    assert sum(index < 0 for index in read) == 4
    assert {index for index in read if index < 0} == {-1, -2, -3}


def test_a_mixture_is_resumed(batch_of_14: BatchFolder) -> None:
    """The order of synthetic and real samples depends only on the seed."""
    options: dict[str, Any] = {"real": [{"index": -1}, {"index": -2}], "real_share": 0.5}
    whole = indices(dataset(batch_of_14, **options).loader())
    data, resumed = (dataset(batch_of_14, **options) for _ in range(2))
    batches = iter(data.loader())
    first = indices([next(batches) for _ in range(3)])
    resumed.load_state_dict(data.state_dict())
    assert first + indices(resumed.loader()) == whole


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"real_share": 0.5}, {"real_share": 1.0}])
def test_invalid_options_are_refused(batch_of_14: BatchFolder, wrong: dict[str, Any]) -> None:
    """The constructor raises, before any read."""
    with pytest.raises(ValueError, match="batch_size"):
        dataset(batch_of_14, **wrong)


def test_a_shard_with_another_number_of_samples_is_refused(batch_of_14: BatchFolder) -> None:
    """The order depends on the numbers of samples."""
    batch_of_14.path_of(2).write_bytes(batch_of_14.path_of(0).read_bytes())
    with pytest.raises(InvalidInput, match="Expected 2 samples in shard 2, got 6"):
        list(dataset(batch_of_14))


def test_ranks_come_from_the_environment(
    batch_of_14: BatchFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torchrun sets RANK and WORLD_SIZE. They apply when torch.distributed is not initialized."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    data = HandsOffDataset(FolderSource(batch_of_14.folder), batch_size=2, shuffle=False)
    assert [sample["index"] for sample in data] == [2, 3, 6, 7, 10, 11, 13]


def test_a_world_size_without_a_rank_is_refused(
    batch_of_14: BatchFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning sets only WORLD_SIZE in the processes that it starts. All would read the samples of rank 0."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="expected RANK in the environment"):
        HandsOffDataset(batch_of_14.folder)


def test_an_initialized_group_overrides_the_environment(
    batch_of_14: BatchFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here torch.distributed says that there is one rank."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    rendezvous = f"file://{tmp_path}/rendezvous"
    torch.distributed.init_process_group("gloo", init_method=rendezvous, rank=0, world_size=1)
    try:
        assert len(HandsOffDataset(batch_of_14.folder)) == 14
    finally:
        torch.distributed.destroy_process_group()


def test_samples_get_the_types_of_torchvision(
    batch_of_14: BatchFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Image, masks and keypoints get its types (here those of a fake). The other values do not change."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision/__init__.py").touch()
    (tmp_path / "torchvision/tv_tensors.py").write_text(
        "def Image(data): return ('image', data)\n"
        "def Mask(data): return ('mask', data)\n"
        "def KeyPoints(data, canvas_size): return ('keypoints', data, canvas_size)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    sample = to_tv_tensors(next(iter(HandsOffDataset(batch_of_14.folder, shuffle=False))))
    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    assert [sample[name][0] for name in ("image", "mask", "depth", "keypoints")] == [
        *("image", "mask", "mask", "keypoints"),
    ]
    assert sample["keypoints"][2] == (8, 8)
    assert sample["visibility"].tolist() == [2, 1]


def test_losses_are_averaged_by_class() -> None:
    """Over the pixels of all batches since the last call, without ignored pixels and diverged losses."""
    losses = ClassLosses(Labels(("skin", "hair", "hat")))
    mask = torch.tensor([[[0, 0], [1, 255]]])
    losses.add(torch.tensor([[[1.0, 3.0], [0.5, 9.0]]], requires_grad=True), mask)
    losses.add(torch.tensor([[[5.0, torch.nan], [torch.inf, 9.0]]]), mask)
    assert losses.take() == {"skin": 3.0, "hair": 0.5}
    assert losses.take() == {}
