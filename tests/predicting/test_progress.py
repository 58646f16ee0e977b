"""Progress is a line that changes on a terminal, and a line from time to time elsewhere."""

from io import StringIO

from complaints.predicting.progress import LOG_SECONDS, Progress


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_short_job_without_a_terminal_says_nothing_and_a_long_one_does() -> None:
    seconds = [0.0]
    stream = StringIO()
    progress = Progress(False, stream, lambda: seconds[0])
    for _ in range(25):
        seconds[0] += 1
        progress.add(100)
    progress.close()
    assert LOG_SECONDS == 10
    assert stream.getvalue() == "1,000 rows, 100 rows/s\n2,000 rows, 100 rows/s\n"


def test_a_terminal_has_one_line_that_is_cleared_at_the_end() -> None:
    seconds = [0.0]
    stream = Terminal()
    progress = Progress(False, stream, lambda: seconds[0])
    for _ in range(3):
        seconds[0] += 1
        progress.add(10)
    progress.close()
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().count("rows/s") == 3
    assert stream.getvalue().endswith("\r\033[K")


def test_quiet_shows_nothing() -> None:
    seconds = [0.0]
    stream = Terminal()
    progress = Progress(True, stream, lambda: seconds[0])
    seconds[0] = 100
    progress.add(1)
    progress.close()
    assert stream.getvalue() == ""
