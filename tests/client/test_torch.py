"""Batches for a training loop: which samples, in which order, and where a loop goes on."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from handsoff_client import BatchFolder, FolderSource, InvalidInput
from handsoff_client.torch import HandsOffDataset, to_tv_tensors
from tests.client.conftest import batch_folder, depth_of, mask_of

# Machines with one core are warned about two workers.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def dataset(folder: BatchFolder, **options: Any) -> HandsOffDataset:
    """Samples that are nothing but their index."""
    given: dict[str, Any] = {
        "batch_size": 2,
        "fields": ("index",),
        "rank": 0,
        "world_size": 1,
    } | options
    return HandsOffDataset(folder.folder, **given)


def indices(batches: Any) -> list[int]:
    """The indices of all samples of some batches."""
    return [int(index) for batch in batches for index in batch["index"]]


def test_a_sample_is_a_dict_of_tensors(batch_of_14: BatchFolder) -> None:
    """Exact labels: indices to 255, depth in metres with NaN for unknown, keypoints, uncertainty."""
    sample = next(iter(HandsOffDataset(batch_of_14.folder, shuffle=False)))
    assert sample["image"].shape == (3, 8, 8)
    assert sample["image"].dtype == torch.uint8
    assert sample["mask"].dtype == torch.int64
    assert torch.equal(sample["mask"], torch.from_numpy(mask_of(0)).long())
    known = torch.from_numpy(depth_of(0).astype("float32")) * 0.001
    assert torch.equal(sample["depth"].nan_to_num(0), known)
    assert int(sample["depth"].isnan().sum()) == int((depth_of(0) == 0).sum())
    assert sample["keypoints"].tolist() == [[1.5, 2.25, 2], [7.0, 0.5, 1]]


def test_an_epoch_has_every_sample_once_and_the_next_another_order(
    batch_of_14: BatchFolder,
) -> None:
    """By the dataset's own loader, with workers that live on from epoch to epoch."""
    loader = dataset(batch_of_14).loader(num_workers=2, persistent_workers=True)
    first, second = indices(loader), indices(loader)
    assert sorted(first) == sorted(second) == list(range(14))
    assert first != second
    assert loader.dataset.cursor.epoch == 2


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_the_order_is_the_same_with_any_number_of_workers(
    batch_of_14: BatchFolder, num_workers: int
) -> None:
    """What a loop is given depends on the seed alone."""
    alone = [int(sample["index"]) for sample in dataset(batch_of_14, seed=5)]
    assert indices(dataset(batch_of_14, seed=5).loader(num_workers=num_workers)) == alone


def test_the_state_counts_what_the_loop_was_given(batch_of_14: BatchFolder) -> None:
    """Workers have read ahead by then; what they hold comes again after a resume."""
    data = dataset(batch_of_14)
    batches = iter(data.loader(num_workers=2, prefetch_factor=4))
    seen = indices([next(batches) for _ in range(3)])
    resumed = dataset(batch_of_14)
    resumed.load_state_dict(data.state_dict())
    assert sorted(seen + indices(resumed.loader())) == list(range(14))


def test_a_loop_that_is_left_early_goes_on(batch_of_14: BatchFolder) -> None:
    """The next loop over the same loader repeats nothing."""
    loader = dataset(batch_of_14).loader(num_workers=1)
    first = indices(batch for _, batch in zip(range(2), loader, strict=False))
    assert len(loader) == 7
    assert sorted(first + indices(loader)) == list(range(14))


def test_a_state_of_another_order_is_refused(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """Another batch or seed has another sample at that position."""
    state = dataset(batch_of_14, seed=1).state_dict()
    for other in (dataset(batch_of_14), dataset(batch_folder(tmp_path / "other", 7), seed=1)):
        with pytest.raises(ValueError, match="another order"):
            other.load_state_dict(state)


def test_a_foreign_loader_with_workers_has_no_state(batch_of_14: BatchFolder) -> None:
    """It works, but nobody counts what the loop was given; that is said, not guessed."""
    data = dataset(batch_of_14)
    assert sorted(indices(DataLoader(data, batch_size=2, num_workers=2))) == list(range(14))
    with pytest.raises(RuntimeError, match=r"dataset\.loader"):
        data.state_dict()


@pytest.mark.parametrize("options", [{"in_order": False}, {"drop_last": True}])
def test_a_loader_that_could_not_count_is_refused(
    batch_of_14: BatchFolder, options: dict[str, Any]
) -> None:
    """Batches out of order, or silently dropped."""
    with pytest.raises(ValueError, match="unknown"):
        dataset(batch_of_14).loader(num_workers=1, **options)


def test_real_data_is_mixed_in_at_its_share(batch_of_14: BatchFolder) -> None:
    """Every synthetic sample once, a real one for every three of them; the transform sees both."""
    real = [{"index": -1 - number} for number in range(3)]
    data = dataset(batch_of_14, real=real, real_share=0.25, transform=lambda sample: sample)
    found = indices(data.loader(num_workers=2))
    assert sorted(index for index in found if index >= 0) == list(range(14))
    assert sum(index < 0 for index in found) == 4
    assert {index for index in found if index < 0} == {-1, -2, -3}


def test_a_mixture_is_resumed_like_anything_else(batch_of_14: BatchFolder) -> None:
    """The whole order, real samples among it, is a function of the seed."""
    options: dict[str, Any] = {"real": [{"index": -1}, {"index": -2}], "real_share": 0.5}
    whole = indices(dataset(batch_of_14, **options).loader())
    data, resumed = (dataset(batch_of_14, **options) for _ in range(2))
    batches = iter(data.loader())
    first = indices([next(batches) for _ in range(3)])
    resumed.load_state_dict(data.state_dict())
    assert first + indices(resumed.loader()) == whole


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"real_share": 0.5}, {"real_share": 1.0}])
def test_options_that_make_no_sense_are_refused(
    batch_of_14: BatchFolder, wrong: dict[str, Any]
) -> None:
    """Before anything is read."""
    with pytest.raises(ValueError, match="batch_size"):
        dataset(batch_of_14, **wrong)


def test_a_shard_with_fewer_samples_than_promised_is_refused(batch_of_14: BatchFolder) -> None:
    """The order rests on the counts."""
    batch_of_14.path_of(2).write_bytes(batch_of_14.path_of(0).read_bytes())
    with pytest.raises(InvalidInput, match="holds 6 samples, but 2 were promised"):
        list(dataset(batch_of_14))


def test_ranks_come_from_the_environment(
    batch_of_14: BatchFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As torchrun sets it, when torch.distributed has not been started."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    data = HandsOffDataset(FolderSource(batch_of_14.folder), batch_size=2, shuffle=False)
    assert [sample["index"] for sample in data] == [2, 3, 6, 7, 10, 11, 13]


def test_ranks_of_a_started_group_go_before_the_environment(
    batch_of_14: BatchFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.distributed knows better: here, that there is one rank."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    meeting = f"file://{tmp_path}/meeting"
    torch.distributed.init_process_group("gloo", init_method=meeting, rank=0, world_size=1)
    try:
        assert len(HandsOffDataset(batch_of_14.folder)) == 14
    finally:
        torch.distributed.destroy_process_group()


def test_tv_tensors_are_made_when_torchvision_is_there(
    batch_of_14: BatchFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Image, masks and keypoints get its types (here those of a stand-in); the rest stays as it is."""
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
