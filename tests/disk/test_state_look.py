"""Every state has words, colours and a sign of its own, and they are the same wherever it is shown."""

import pytest

from simmanager import RunState
from simmanager.disk.state_look import LOOKS, in_words, look_of
from simmanager.report.page import style_sheet


def test_every_state_has_a_look_and_no_two_look_alike():
    assert set(LOOKS) == set(RunState)
    for name in ("words", "terminal", "colour", "on_light", "on_dark"):
        assert len({getattr(look, name) for look in LOOKS.values()}) == len(RunState), name
    assert len({(look.sign, look.empty) for look in LOOKS.values()}) == len(RunState), "without a colour, too"


def test_a_look_is_found_by_the_keyword_that_files_hold():
    assert look_of("in_queue") is LOOKS[RunState.IN_QUEUE]
    with pytest.raises(ValueError, match="no_such_state"):
        look_of("no_such_state")


def test_counts_are_told_in_words():
    assert in_words({"finished": 9, "error": 0, "in_queue": 3}) == "9 finished, 3 in queue"
    assert in_words({"finished": 0}) == "no runs"


def test_the_page_has_the_colours_of_the_table_and_no_others_for_states():
    css = style_sheet()
    for state, look in LOOKS.items():
        assert css.count(f"--{state}: ") == 2
        assert f"--{state}: {look.on_light};" in css and f"--{state}: {look.on_dark};" in css
