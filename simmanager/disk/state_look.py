"""How each state looks wherever people see it: its words, its colours, its sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .state import RunState


@dataclass(frozen=True, slots=True)
class StateLook:
    """One state, as it looks.

    Parameters
    ----------
    words : str
        The keyword as people say it.
    terminal : str
        A style of rich; each differs in brightness, too, for the colour-blind.
    colour : str
        Of areas: squares in a figure, bars and signs in a notebook (Okabe and Ito, see `plots.style`).
    on_light, on_dark : str
        Of text on a light and on a dark page: nearly the same hue, with a contrast of at least 4.5 : 1.
    sign : str
        What tells it without a colour, in the middle of an area: a matplotlib marker, or "".
    empty : bool
        Whether the area is drawn by its edge alone.
    """

    words: str
    terminal: str
    colour: str
    on_light: str
    on_dark: str
    sign: str = ""
    empty: bool = False

    @property
    def fill(self) -> str:
        """The colour inside of an area on white."""
        return "#FFFFFF" if self.empty else self.colour


#: In the order in which a batch is told: what is done, what went wrong, what is still to come.
LOOKS = {
    RunState.FINISHED: StateLook("finished", "green", "#009E73", "#006b4e", "#4fd0a5"),
    RunState.ERROR: StateLook("error", "bold red", "#D55E00", "#b3261e", "#ff8f86", "x"),
    RunState.INTERRUPTED: StateLook("interrupted", "yellow", "#E69F00", "#855300", "#e6b65c", "_"),
    RunState.RUNNING: StateLook("running", "blue", "#0072B2", "#0b5cad", "#84b9ff", ">"),
    RunState.IN_QUEUE: StateLook("in queue", "bright_black", "#767676", "#595f69", "#a4abb5", empty=True),
}


def look_of(state: str) -> StateLook:
    """Return how a state looks, by its keyword."""
    return LOOKS[RunState(state)]


def in_words(counts: Mapping[str, int]) -> str:
    """Return numbers of runs by state, in the order given: ``9 finished, 3 in queue``."""
    return ", ".join(f"{number} {look_of(state).words}" for state, number in counts.items() if number) or "no runs"
