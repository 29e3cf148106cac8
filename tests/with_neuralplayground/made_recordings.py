"""Small recordings in the formats of the three experiments that NeuralPlayground downloads: random walks, made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

_RNG_SEED = 5


def write_recordings(folder: Path) -> dict[str, str]:
    """Write recordings and return the ``data_path`` of each arena; the trailing slash is part of it."""
    rng = np.random.default_rng(_RNG_SEED)
    for session in range(5):  # it takes the fifth
        _session(rng, folder / "Hafting2008" / f"10073-1701030{session}", (200, 20), "ts")
    _session(rng, folder / "Sargolini2006" / "raw_data_sample" / "10704-07070407", (50, 50), "cellTS")
    _wernle(rng, folder / "Wernle2018" / "nn_Data+Code" / "data")
    return {name: f"{folder / name}/" for name in ("Hafting2008", "Sargolini2006", "Wernle2018")}


def _walk(rng: np.random.Generator, limits: tuple[float, float], n_samples: int = 4000) -> Any:
    steps = rng.normal(scale=0.05 * limits[1], size=(n_samples, 2))
    position, positions = np.zeros(2), []
    for step in steps:
        position = np.clip(position + step, -np.array(limits), limits)
        positions.append(position)
    return np.array(positions)


def _session(rng: np.random.Generator, stem: Path, limits: tuple[float, float], spikes: str) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    positions = _walk(rng, limits)
    times = np.arange(len(positions))[:, np.newaxis] / 50
    savemat(f"{stem}_POS.mat", {"post": times, "posx": positions[:, :1], "posy": positions[:, 1:]})
    savemat(f"{stem}_T1C1.mat", {spikes: times[::40]})


def _wernle(rng: np.random.Generator, folder: Path) -> None:
    def rate_map() -> Any:
        return rng.random((4, 4))

    def positions() -> Any:
        return np.column_stack([np.arange(50) / 50, _walk(rng, (1, 1), 50), np.ones(50)])

    (folder / "Figures_1_2_3").mkdir(parents=True)
    (folder / "Figure 4").mkdir()
    savemat(folder / "Figures_1_2_3" / "ratemaps.mat", {"ratemaps": _cells(50, 2, rate_map)})
    for file, name, columns, make in (
        ("ratemapsDevelopment", "ratemapsDevelopment", 2, rate_map),
        ("posA_B", "posA_B", 1, positions),
        ("posAB", "posAB", 1, positions),
        ("spkAB", "spkAB", 1, lambda: np.arange(3.0)[:, np.newaxis]),
    ):
        savemat(folder / "Figure 4" / f"{file}.mat", {name: _cells(3, columns, make)})


def _cells(rows: int, columns: int, make: Callable[[], Any]) -> Any:
    cells = np.empty((rows, columns), dtype=object)
    for index in np.ndindex(rows, columns):
        cells[index] = make()
    return cells
