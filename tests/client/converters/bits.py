"""Writes the bit stream of @thi.ng/rle-pack as its documentation describes it, for tests of the decoder."""

from collections.abc import Sequence
from itertools import groupby

SIZES = (3, 4, 8, 16)


class Bits:
    """A stream of bits, highest first; the last byte is filled with zeros."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, value: int, count: int) -> None:
        self.text += f"{value:0{count}b}"

    @property
    def data(self) -> list[int]:
        padded = self.text + "0" * (-len(self.text) % 8)
        return [int(padded[place : place + 8], 2) for place in range(0, len(padded), 8)]


def pack(words: Sequence[int], word: int = 8, sizes: Sequence[int] = SIZES) -> list[int]:
    """Return the bytes of words. Runs of 2 or more are runs, other words are one group."""
    bits = Bits()
    bits.write(len(words), 32)
    bits.write(word - 1, 5)
    for size in sizes:
        bits.write(size - 1, 4)
    single: list[int] = []
    for value, group in groupby(words):
        count = len(list(group))
        if count == 1:
            single.append(value)
            continue
        _flush(bits, single, word, sizes)
        while count:
            part = min(count, 2 ** sizes[-1])
            _head(bits, part, sizes, is_run=True)
            bits.write(value, word)
            count -= part
    _flush(bits, single, word, sizes)
    return bits.data


def _flush(bits: Bits, single: list[int], word: int, sizes: Sequence[int]) -> None:
    while single:
        part = single[: 2 ** sizes[-1]]
        _head(bits, len(part), sizes, is_run=False)
        for value in part:
            bits.write(value, word)
        del single[: len(part)]


def _head(bits: Bits, count: int, sizes: Sequence[int], *, is_run: bool) -> None:
    index = next(place for place, size in enumerate(sizes) if count <= 2**size)
    bits.write(int(is_run), 1)
    bits.write(index, 2)
    bits.write(count - 1, sizes[index])
