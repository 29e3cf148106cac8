"""Rate maps whose answers are known: hexagonal grids, square lattices, stripes, single fields, noise."""

import numpy as np
from scipy.ndimage import gaussian_filter


def hexagonal_grid(n=40, spacing=10.0, orientation=0.0, phase=(0.0, 0.0), n_y=None, bin_size=(1.0, 1.0)):
    """Return three cosines at 60 degrees, (n_y, n): fields at a spacing, in an orientation in degrees."""
    x, y = _places(n, n_y, bin_size)
    waves = (np.radians(angle + orientation) for angle in (30, 90, 150))
    number = 4 * np.pi / np.sqrt(3) / spacing
    return 1 + sum(np.cos(number * (np.cos(w) * (x - phase[0]) + np.sin(w) * (y - phase[1]))) for w in waves) * 2 / 3


def square_lattice(n=40, spacing=10.0, orientation=0.0):
    """Return two cosines at 90 degrees, (n, n)."""
    x, y = _places(n, None, (1.0, 1.0))
    cos, sin = np.cos(np.radians(orientation)), np.sin(np.radians(orientation))
    waves = (cos * x + sin * y, cos * y - sin * x)
    return 2 + sum(np.cos(2 * np.pi / spacing * wave) for wave in waves)


def stripes(n=40, spacing=10.0):
    """Return one cosine, (n, n)."""
    return 1 + np.cos(2 * np.pi / spacing * _places(n, None, (1.0, 1.0))[0])


def field(n=40, centre=(20.0, 20.0), width=3.0):
    """Return one Gaussian place field, (n, n)."""
    x, y = _places(n, None, (1.0, 1.0))
    return np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * width**2))


def noise(seed, n=40, smoothing=2.0):
    """Return independent normal numbers, smoothed, (n, n)."""
    return gaussian_filter(np.random.default_rng(seed).normal(size=(n, n)), smoothing, mode="constant")


def _places(n, n_y, bin_size):
    return np.meshgrid(np.arange(n) * bin_size[0], np.arange(n_y or n) * bin_size[1])
