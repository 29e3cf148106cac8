"""Text that is shown: of what was written over, the last state."""

import pytest

from simmanager.base.text import as_last_seen


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("plain\ntext\n", "plain\ntext\n"),
        ("\r  0%|   |\r 50%|#  |\r100%|###|\ndone\n", "100%|###|\ndone\n"),
        ("\r  0%|   |\r 50%|#  |", " 50%|#  |"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("epoch 1\rtail", "tail"),
        ("loading...\r", "loading..."),
        ("\x1b[32mgreen\x1b[0m\n", "\x1b[32mgreen\x1b[0m\n"),
        ("old\x1b[2K\rnew\n", "new\n"),
        # Two bars of tqdm, one below the other.
        ("\router 0\n\rinner 0\x1b[A\n\rinner 1\x1b[A\router 1\n\n", "outer 1\ninner 1\n"),
        ("a\n\x1b[99999999A\rb\n", "b\n"),
    ],
)
def test_of_a_progress_bar_the_last_state_is_seen(written, seen):
    assert as_last_seen(written) == seen
