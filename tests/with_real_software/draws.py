"""Functions that draw random numbers as people do with each library: imported in the run, seeded by nobody."""


def torch_draws():
    import torch

    return {"drawn": torch.rand(5).tolist()}


def numba_draws():
    import numba
    import numpy as np

    @numba.njit
    def draw():
        return [np.random.random() for _ in range(5)]

    return {"drawn": draw()}


def numba_draws_of_python():
    import random

    import numba

    @numba.njit
    def draw():
        return [random.random() for _ in range(5)]

    return {"drawn": draw()}


def brainstate_draws():
    import brainstate

    return {"drawn": brainstate.random.rand(5).tolist()}


def brian2_draws():
    import brian2

    brian2.prefs.codegen.target = "numpy"  # compiled code is in the recipes
    group = brian2.NeuronGroup(5, "dv/dt = xi*second**-0.5 : 1", method="euler")
    group.v = "rand()"
    brian2.Network(group).run(1 * brian2.ms)
    return {"drawn": list(group.v)}


def brian2_program_draws():
    """A standalone program, in a folder of its own."""
    import tempfile

    import brian2

    brian2.set_device("cpp_standalone", build_on_run=False)
    try:
        brian2.device.reinit()
        brian2.device.activate(build_on_run=False)
        group = brian2.NeuronGroup(5, "v : 1")
        group.v = "rand()"
        brian2.run(0.1 * brian2.ms)
        with tempfile.TemporaryDirectory() as folder:
            brian2.device.build(directory=folder, compile=True, run=True)
            return {"drawn": list(group.v)}
    finally:
        brian2.set_device("runtime")


def gymnasium_draws():
    import gymnasium

    env = gymnasium.make("CartPole-v1")
    drawn = [*env.reset()[0], float(env.action_space.sample()), *env.observation_space.sample()]
    return {"drawn": list(map(float, drawn))}


def stable_baselines3_draws():
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "CartPole-v1", n_steps=16, batch_size=16, n_epochs=1, device="cpu")
    model.learn(16)
    return {"drawn": model.policy.action_net.weight.detach().numpy().ravel()}


def sklearn_draws():
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    x = np.arange(20.0)[:, None]
    return {"drawn": RandomForestRegressor(3).fit(x, x.ravel()).predict(x)}


def nengo_draws():
    import nengo

    with nengo.Network() as network:
        ensemble = nengo.Ensemble(10, 1)
        probe = nengo.Probe(ensemble)
    with nengo.Simulator(network, progress_bar=False) as simulator:
        simulator.run(0.01)
    return {"drawn": simulator.data[probe].ravel()}


def ratinabox_draws():
    from ratinabox import Agent, Environment

    agent = Agent(Environment())
    for _ in range(5):
        agent.update()
    return {"drawn": [float(x) for x in agent.pos]}


def neuron_draws():
    from neuron import h

    random = h.Random()
    random.uniform(0, 1)
    return {"drawn": [random.repick() for _ in range(5)]}
