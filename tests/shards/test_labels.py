"""Names of left and right in mirrored images."""

import pytest

from handsoff_shards.labels import mirrored_names


@pytest.mark.parametrize(
    ("names", "mirrored"),
    [
        (["skin", "left_eye", "right_eye", "Right ear", "Left ear"], [0, 2, 1, 4, 3]),
        (["l_brow", "r_brow", "L-EAR", "R-EAR"], [1, 0, 3, 2]),
        (["eye_l", "eye_r", "mouth.R", "mouth.L"], [1, 0, 3, 2]),
        (["leftEye", "rightEye", "earLeft", "earRight"], [1, 0, 3, 2]),
        (["lEye", "rEye", "armL", "armR"], [1, 0, 3, 2]),
        (["LEye", "REye", "L1", "R1"], [1, 0, 3, 2]),
        (["lefthand", "righthand", "UPPERLEFT", "UPPERRIGHT"], [1, 0, 3, 2]),
        (["left_hand_l", "right_hand_r"], [1, 0]),
    ],
)
def test_left_and_right_are_partners(names: list[str], mirrored: list[int]) -> None:
    """Words and single letters, before or after, in every case of letters."""
    assert mirrored_names(names) == mirrored


@pytest.mark.parametrize(
    "names",
    [
        ["background", "bright", "copyright", "cleft"],
        ["lip", "rim", "Lamp", "Road", "LED", "RGB", "hair", "car"],
        ["L1", "L2", "Roof"],
        [],
    ],
)
def test_other_names_are_their_own_mirror_images(names: list[str]) -> None:
    """Letters within a word are no side, nor are words that only contain one."""
    assert mirrored_names(names) == list(range(len(names)))


@pytest.mark.parametrize(
    "lonely", ["left hand", "lefthand", "hand_right", "l_hand", "hand R", "rHand", "handLeft"]
)
def test_a_side_without_a_partner_forbids_mirroring(lonely: str) -> None:
    """A mirrored left hand would be a right hand, which has no name."""
    assert mirrored_names([lonely, "head"]) is None
