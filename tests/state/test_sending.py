"""Promises of `state.sending`: all that is written arrives, and no end is left waiting for the other."""

import threading
from collections.abc import Iterator

import pytest

from state import sending as module
from state.sending import Send, WriterFailed, sending


def test_all_that_is_written_is_sent_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, whatever the sizes of the writes; nothing is there before the end."""
    monkeypatch.setattr(module, "PIECE_BYTES", 10)
    sent: list[bytes] = []
    with sending(sent.extend) as file:
        for number in range(100):
            file.write(bytes([number]) * (number % 7))
    assert b"".join(sent) == b"".join(bytes([number]) * (number % 7) for number in range(100))
    assert all(len(piece) < 10 + 7 for piece in sent)


def test_it_is_sent_while_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first piece arrives before the last is made."""
    monkeypatch.setattr(module, "PIECE_BYTES", 1)
    arrived = threading.Event()

    def send(pieces: Iterator[bytes]) -> None:
        for _ in pieces:
            arrived.set()

    with sending(send) as file:
        file.write(b"first")
        assert arrived.wait(timeout=10)
        file.write(b"last")


def test_a_writer_that_is_ahead_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by the pieces that wait, and one at either end."""
    monkeypatch.setattr(module, "PIECE_BYTES", 1)
    monkeypatch.setattr(module, "MAX_PIECES_WAITING", 2)
    written: list[int] = []
    ahead: list[int] = []

    def send(pieces: Iterator[bytes]) -> None:
        ahead.extend(len(written) - number for number, _ in enumerate(pieces))

    with sending(send) as file:
        for number in range(200):
            written.append(number)
            file.write(b"x")
    assert max(ahead) <= 4


def write_half(send: Send) -> None:
    """A block that fails."""
    with sending(send) as file:
        file.write(b"half")
        raise KeyError


def test_a_sender_is_told_when_there_will_be_no_more() -> None:
    """What is not whole is never taken for whole, and the block's own error is what the caller gets."""
    met: list[type[BaseException]] = []

    def send(pieces: Iterator[bytes]) -> None:
        try:
            list(pieces)
        except WriterFailed:
            met.append(WriterFailed)
            raise

    with pytest.raises(KeyError):
        write_half(send)
    assert met == [WriterFailed]


def write_much(send: Send) -> None:
    """More than may wait."""
    with sending(send) as file:
        for _ in range(1_000):
            file.write(b"x")


def test_a_writer_is_told_when_the_sender_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long before the end, though nobody takes the bytes any more."""
    monkeypatch.setattr(module, "PIECE_BYTES", 1)

    def send(pieces: Iterator[bytes]) -> None:
        next(pieces)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write_much(send)


def test_a_sender_that_fails_at_the_end_fails_the_block() -> None:
    """Only what has arrived is there."""

    def send(pieces: Iterator[bytes]) -> None:
        list(pieces)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write_much(send)
