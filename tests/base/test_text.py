"""Numbers, memory and names are told in one way everywhere; of what was written over, the last state."""

import functools
import math

import pytest

from simmanager.base.text import as_last_seen, count, memory, name_of, sparkline


def test_a_number_of_things_has_its_plural():
    assert [count(n, "run") for n in (0, 1, 2, 1000)] == ["0 runs", "1 run", "2 runs", "1000 runs"]
    assert [count(n, "run is", "runs are") for n in (1, 2)] == ["1 run is", "2 runs are"]


def test_memory_is_told_in_megabytes_and_from_a_thousand_on_in_gigabytes():
    assert [memory(mb) for mb in (None, 0.4, 131.6, 1000, 1449)] == ["", "0 MB", "132 MB", "1.0 GB", "1.4 GB"]


class Untellable:
    def __repr__(self):
        raise ValueError("no")


def test_a_class_or_function_is_told_by_module_and_name():
    assert name_of(functools.reduce) == "_functools:reduce"
    assert name_of(Untellable) == f"{__name__}:Untellable"


def test_other_things_are_told_as_they_show_themselves_but_for_addresses():
    assert name_of(None) == "None" and name_of(3) == "3"
    partial = functools.partial(print, object())
    assert name_of(partial) == "functools.partial(<built-in function print>, <object object>)"
    assert " at 0x" not in name_of(object())
    assert name_of(Untellable()) == "<Untellable>"


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


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([3.0], "▁"),
        ([1.0, 1.0, 1.0], "▁▁▁"),
        ([7, 6, 5, 4, 3, 2, 1, 0], "█▇▆▅▄▃▂▁"),
        ([0.0, math.nan, 1.0, math.inf], "▁ █ "),
        ([math.nan, -math.inf], "  "),
        ([-1e308, 1e308], "▁█"),  # their distance is infinite
    ],
)
def test_a_curve_in_a_line(values, drawn):
    assert sparkline(values) == drawn


@pytest.mark.parametrize("n", [15, 16, 17, 31, 100, 1000])
def test_a_long_curve_is_drawn_in_so_many_characters_and_keeps_its_shape(n):
    drawn = sparkline(range(n))
    assert len(drawn) == min(n, 16) and drawn == "".join(sorted(drawn)) and drawn[0] == "▁" and drawn[-1] == "█"
