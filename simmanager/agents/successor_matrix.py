"""Successor matrices: made from transition matrices in several ways, and taken apart.

Equations are those of Stachenfeld, Botvinick and Gershman, "The hippocampus as a predictive map", Nature Neuroscience
20, 2017, https://doi.org/10.1101/097170. A transition matrix T, (n_state, n_state), has the probabilities of going from
row to column; a successor matrix M the expected discounted visits.
"""

from __future__ import annotations

import math

import numpy as np

from ..training.arrays import FloatArray


def neighbour_transitions(width: int, depth: int) -> FloatArray:
    """Return the transition matrix of a walk to the four neighbours on a grid, states numbered ``ix * depth + iy``.

    Rows sum to 1 (to 0 on a grid of one state).
    """
    number = np.arange(width * depth).reshape(width, depth)
    adjacent: FloatArray = np.zeros((number.size, number.size))
    for one, other in ((number[1:], number[:-1]), (number[:, 1:], number[:, :-1])):
        adjacent[one, other] = adjacent[other, one] = 1
    adjacent /= np.maximum(adjacent.sum(axis=1, keepdims=True), 1)
    return adjacent


def closed_form(transitions: FloatArray, gamma: float) -> FloatArray:
    """Return M = (I - gamma T)^-1, the sum of all gamma^t T^t (equation 3)."""
    identity: FloatArray = np.eye(len(transitions))
    return np.asarray(np.linalg.inv(identity - gamma * transitions), dtype=np.float64)


def by_summation(transitions: FloatArray, gamma: float, threshold: float) -> FloatArray:
    """Return M by repeating M <- gamma T M + I until no entry changes by ``threshold``."""
    step, identity = gamma * transitions, np.eye(len(transitions))
    total: FloatArray = np.zeros_like(identity)
    change = math.inf
    while change >= threshold:
        following: FloatArray = np.add(step @ total, identity)
        change = float(np.abs(following - total).max())
        total = following
    return total


def learned_on_walks(
    transitions: FloatArray, gamma: float, learning_rate: float, n_episode: int, t_episode: int
) -> FloatArray:
    """Return M learned by TD (equation 6) on walks drawn from T, always the same ones (seed 1234).

    As in NeuralPlayground, TD updates the *columns* of M.
    """
    random_state = np.random.RandomState(1234)
    columns: FloatArray = np.eye(len(transitions))
    for _ in range(n_episode):
        state = random_state.randint(len(transitions))
        for _ in range(t_episode):
            # NeuralPlayground draws twice and uses the second: kept, for the same walks.
            random_state.multinomial(1, transitions[state])
            following = int(random_state.multinomial(1, transitions[state]).argmax())
            td_error = gamma * columns[following] - columns[state]
            td_error[state] += 1.0
            columns[state] += learning_rate * td_error
            state = following
    return columns.T


def transitions_of(matrix: FloatArray, gamma: float) -> FloatArray:
    """Return T = M^-1 (M - I) / gamma; gamma must not be 0."""
    transitions: FloatArray = np.linalg.inv(matrix) @ (matrix - np.eye(len(matrix))) / gamma
    return transitions


def eigenvectors(matrix: FloatArray, which: slice) -> FloatArray:
    """Return the real parts of eigenvectors of M, (n_vectors, n_state), that of the largest eigenvalue first.

    The sign is such that the largest element is positive.
    """
    values, vectors = np.linalg.eig(matrix)
    order = np.argsort(-values.real, kind="stable")
    chosen: FloatArray = vectors[:, order[which]].real.T
    size = np.abs(chosen)
    # The first of the largest, up to rounding, so that symmetric maps have one sign too.
    largest = np.argmax(size >= size.max(axis=1, keepdims=True) * (1 - 1e-6), axis=1)
    sign = np.where(chosen[np.arange(len(chosen)), largest] < 0, -1.0, 1.0)
    signed: FloatArray = sign[:, np.newaxis] * chosen
    return signed
