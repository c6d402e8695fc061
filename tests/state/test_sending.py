"""`state.sending`: all written bytes arrive, and neither side waits for a side that has failed."""

import threading
from collections.abc import Iterator

import pytest

from state import sending as module
from state.sending import Send, WriterFailed, sending


def test_all_bytes_are_sent_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces keep the order of the writes and do not depend on their sizes."""
    monkeypatch.setattr(module, "PIECE_BYTES", 10)
    sent: list[bytes] = []
    with sending(sent.extend) as file:
        for number in range(100):
            file.write(bytes([number]) * (number % 7))
    assert b"".join(sent) == b"".join(bytes([number]) * (number % 7) for number in range(100))
    assert all(len(piece) < 10 + 7 for piece in sent)


def test_bytes_are_sent_while_more_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first piece arrives before the last one is written."""
    monkeypatch.setattr(module, "PIECE_BYTES", 1)
    arrived = threading.Event()

    def send(pieces: Iterator[bytes]) -> None:
        for _ in pieces:
            arrived.set()

    with sending(send) as file:
        file.write(b"first")
        assert arrived.wait(timeout=10)
        file.write(b"last")


def test_a_writer_that_is_far_ahead_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory holds the waiting pieces, and one piece on each side."""
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
    """Fail after the first write."""
    with sending(send) as file:
        file.write(b"half")
        raise KeyError


def test_a_failed_writer_stops_the_sender() -> None:
    """The sender never takes incomplete bytes for complete ones. The caller gets the error of the block."""
    raised: list[type[BaseException]] = []

    def send(pieces: Iterator[bytes]) -> None:
        try:
            list(pieces)
        except WriterFailed:
            raised.append(WriterFailed)
            raise

    with pytest.raises(KeyError):
        write_half(send)
    assert raised == [WriterFailed]


def write_much(send: Send) -> None:
    """Write more pieces than the queue holds."""
    with sending(send) as file:
        for _ in range(1_000):
            file.write(b"x")


def test_a_failed_sender_stops_the_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write raises the sender's error, long before the end of the block."""
    monkeypatch.setattr(module, "PIECE_BYTES", 1)

    def send(pieces: Iterator[bytes]) -> None:
        next(pieces)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write_much(send)


def test_a_sender_that_fails_at_the_end_fails_the_block() -> None:
    """The end of the block raises the sender's error."""

    def send(pieces: Iterator[bytes]) -> None:
        list(pieces)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write_much(send)
