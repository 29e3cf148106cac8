"""What the public functions and methods of ``neuralplayground.backend`` take, version 0.0.9."""

SIGNATURES = {
    "default_training_loop": "agent, env, n_steps",
    "episode_based_training_loop": "agent, env, t_episode, n_episode",
    "tem_training_loop": "agent, env, n_episode, params",
    "SimulationManager.__init__": (
        "simulation_list=[], runs_per_sim=5, manager_id='default_comparison', verbose=False, existing_simulation=None"
    ),
    "SimulationManager.generate_sim_paths": "",
    "SimulationManager.run_all": "",
    "SimulationManager.save_params": "save_path",
    "SimulationManager.check_run_status": "",
    "SimulationManager.show_logs": "simulation_index=0, log_type='error'",
    "SimulationManager.rerun_simulation": "simulation_index=0",
    "SingleSim.__init__": (
        "agent_class=None, agent_params=None, env_class=None, env_params=None, training_loop=None, "
        "training_loop_params=None, simulation_id=None"
    ),
    "SingleSim.run_sim": "save_path=None",
    "SingleSim.save_params": "save_path",
    "SingleSim.load_params": "load_path=None",
    "SingleSim.load_results": "results_path=None",
    "SingleSim.show_logs": "results_path=None, log_type='error'",
}
