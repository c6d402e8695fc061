"""The recorded lines are those on the screen at the end."""

from pathlib import Path

from examples.demo.recording import on_screen, run


def test_a_line_that_is_redrawn_shows_its_last_state() -> None:
    """A progress bar is one line without elapsed time, even if it was redrawn."""
    assert on_screen("\r\x1b[K 1/2  0:59\r\x1b[K 2/2  1:00\r\ndone\r\n") == [" 2/2", "done"]


def test_commands_share_a_shell_and_have_a_terminal(tmp_path: Path) -> None:
    """Variables persist between commands, and programs detect a terminal."""
    commands = ("NAME=$(echo fit_1)", "echo $NAME; test -t 1 && echo terminal")
    assert run(commands, tmp_path, "http://127.0.0.1:1") == [
        (commands[0], [""]),
        (commands[1], ["fit_1", "terminal"]),
    ]
