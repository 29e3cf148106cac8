"""The equations of the papers, and of NeuralPlayground, written as plainly as possible: slow, and easy to check."""

import numpy as np


def nearest_point(points, pos):
    return int(np.argmin(np.sum((points - np.asarray(pos)) ** 2, axis=1)))


def nearest_arrow(noise):
    arrows = np.array([[0, 1], [0, -1], [1, 0], [-1, 0]])
    return int(np.argmin(np.sum((np.asarray(noise) - arrows) ** 2, axis=1)))


def transition_matrix(width, depth):
    """Walk to the four neighbours; state = ix * depth + iy."""
    matrix = np.zeros((width * depth, width * depth))
    for ix in range(width):
        for iy in range(depth):
            for jx, jy in ((ix - 1, iy), (ix + 1, iy), (ix, iy - 1), (ix, iy + 1)):
                if 0 <= jx < width and 0 <= jy < depth:
                    matrix[ix * depth + iy, jx * depth + jy] = 1
    sums = matrix.sum(axis=1, keepdims=True)
    sums[sums == 0] = 1
    return matrix / sums


def td_update(srmat, state, next_state, gamma, learning_rate):
    """Change ``srmat`` in place, return the TD error."""
    one_hot = np.eye(len(srmat))[state]
    td_error = one_hot + gamma * srmat[:, next_state] - srmat[:, state]
    srmat[:, state] = srmat[:, state] + learning_rate * td_error
    return td_error


def check_wall(pre_state, new_state, wall, closeness=1e-5):
    """Shorten one move at one wall. A move parallel to the wall, or that starts on it, is left alone."""
    matrix = np.stack([wall[1] - wall[0], pre_state - new_state], axis=1)
    if np.linalg.det(matrix) == 0:
        return new_state, False
    along_wall, along_move = np.linalg.solve(matrix, pre_state - wall[0])
    crossed = 0 <= along_wall <= 1 and 0 < along_move <= 1
    return ((along_move - closeness) * (new_state - pre_state) + pre_state, True) if crossed else (new_state, False)


def check_walls(pre_state, new_state, walls):
    crossed = False
    for wall in walls:
        new_state, here = check_wall(pre_state, new_state, wall)
        crossed = crossed or here
    return new_state, crossed


def gaussian_curves(points, centres, sigma, height):
    """Sum of the Gaussians of each cell at each point, (n_cells, n_points)."""
    curves = np.zeros((len(centres), len(points)))
    for i, cell in enumerate(centres):
        for centre in cell:
            for k, point in enumerate(points):
                dx, dy = (point - centre) / sigma
                curves[i, k] += height * np.exp(-(dx**2 + dy**2) / 2)
    return curves


class Weber:
    """Equations 1 to 3 of Weber and Sprekeler 2018 on full tuning curves, as in NeuralPlayground."""

    def __init__(self, agent):
        self.agent = agent
        self.we, self.wi, self.norm = agent.we.copy(), agent.wi.copy(), np.linalg.norm(agent.we)
        self.exc, self.inh = agent.exc_cell_list.copy(), agent.inh_cell_list.copy()

    def rates(self, pos):
        k = nearest_point(self.agent.xy_combinations, pos)
        return np.maximum(self.exc[:, k], 0), np.maximum(self.inh[:, k], 0)

    def output(self, pos):
        exc, inh = self.rates(pos)
        return self.we @ exc - self.wi @ inh

    def full_output(self):
        rates = self.we @ self.exc - self.wi @ self.inh
        return np.clip(rates, 0, rates.max())

    def _change(self, delta_we, delta_wi):
        self.we, self.wi = self.we + delta_we, self.wi + delta_wi
        self.we = self.norm / np.sqrt(np.sum(self.we**2)) * self.we
        self.we, self.wi = np.clip(self.we, 0, None), np.clip(self.wi, 0, None)

    def update(self, pos):
        rate = self.output(pos)
        exc, inh = self.rates(pos)
        delta_we = self.agent.etaexc * exc * rate
        delta_wi = self.agent.etainh * inh * (rate - self.agent.ro)
        self._change(delta_we, delta_wi)
        return delta_we, delta_wi, rate

    def full_average_update(self):
        rates = self.full_output()
        delta_we = self.agent.etaexc * (self.exc @ rates) / len(rates)
        self._change(delta_we, self.agent.etainh * (self.inh @ (rates - self.agent.ro)) / len(rates))
