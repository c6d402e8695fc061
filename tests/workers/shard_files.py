"""What tests compare in the files of a batch's shards."""

import json

import numpy as np

from workers.codecs.segmentation import decode_mask


def candidates(files: dict[str, bytes]) -> dict[str, tuple[int, int, int]]:
    """Return the candidate (seed, index, attempt) of each sample of a batch's files."""
    facts = {name: json.loads(data) for name, data in files.items() if name.endswith(".json")}
    return {name: (fact["seed"], fact["index"], fact["attempt"]) for name, fact in facts.items()}


def equal_pixels(first: dict[str, bytes], second: dict[str, bytes]) -> float:
    """Return the share of label pixels that are equal in two batches' files."""
    names = [name for name in first if name.endswith(".mask.png")]
    same = [decode_mask(first[name]) == decode_mask(second[name]) for name in names]
    return float(np.mean(same))
