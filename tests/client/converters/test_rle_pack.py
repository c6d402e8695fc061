"""The decoder of Label Studio's brush against vectors of the format's documentation and its own bit layout."""

import numpy as np
import pytest

from handsoff_client.converters.rle_pack import decode, painted
from handsoff_shards.errors import InvalidInput
from tests.client.converters.bits import Bits, pack

EXAMPLE = [0] * 512 + [1] * 5 + [2] * 4 + [3] * 3 + [4, 4, 5, 4, 4] + [3] * 3 + [2] * 4 + [1] * 5
EXAMPLE += [0] * (1024 - len(EXAMPLE))
"""The array in the README of rle-pack."""


def test_a_stream_written_by_hand() -> None:
    """5 words of 8 bits: a run of three 7, then 1 and 2. Each field is written as the documentation lists it."""
    text = f"{5:032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    text += "1" + "00" + "010" + f"{7:08b}"
    text += "0" + "00" + "001" + f"{1:08b}" + f"{2:08b}"
    bits = Bits()
    bits.text = text
    assert decode(bits.data, 5).tolist() == [7, 7, 7, 1, 2]


def test_the_example_of_the_documentation() -> None:
    """Packed it takes 30 bytes, and 20 with words of 3 bits; both give the array."""
    packed, small = pack(EXAMPLE), pack(EXAMPLE, 3, (1, 2, 3, 9))
    assert (len(packed), len(small)) == (30, 20)
    assert decode(packed, 1024).tolist() == EXAMPLE
    assert decode(small, 1024).tolist() == EXAMPLE


def test_random_words_return() -> None:
    """Runs of every size class, and longer than the largest one."""
    rng = np.random.default_rng(0)
    lengths = [*rng.integers(1, 20, 40).tolist(), 256, 300, 65_536, 70_000]
    words = np.concatenate([np.full(count, rng.integers(0, 256)) for count in lengths]).tolist()
    assert decode(pack(words), len(words)).tolist() == words


def test_the_last_channel_is_the_mask() -> None:
    """A brush is an RGBA image; colors say nothing, alpha says which pixels are painted."""
    alpha = np.array([[0, 255, 255], [0, 0, 1]], np.uint8)
    rgba = np.stack([np.full_like(alpha, 200)] * 3 + [alpha], axis=2)
    assert painted(pack(rgba.ravel().tolist()), (3, 2)).tolist() == (alpha > 0).tolist()


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        (pack([1, 1, 1]), "expected 4 values, got 3"),
        (pack([1, 2, 3, 4])[:-2], "end too early"),
        ([1, 2], "end too early"),
        ([256], "bytes from 0 to 255"),
        (["a"], "bytes from 0 to 255"),
    ],
)
def test_damaged_bytes_are_refused(rle: list[int], message: str) -> None:
    """Nothing is filled up or cut off in silence."""
    with pytest.raises(InvalidInput, match=message):
        decode(rle, 4)


def test_a_run_beyond_the_image_is_refused() -> None:
    """Its length is checked before it is written."""
    rle = pack([5] * 8)
    rle[3] = 4  # the number of words
    with pytest.raises(InvalidInput, match="longer than the image"):
        decode(rle, 4)
