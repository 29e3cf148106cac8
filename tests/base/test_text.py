"""Numbers, memory and names are told in one way everywhere."""

import functools

from simmanager.base.text import count, memory, name_of


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
