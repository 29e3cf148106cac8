"""Loaded by every Python whose PYTHONPATH begins with this folder; see kill_shim.py."""

import os

if "KILL_AT" in os.environ:
    import kill_shim

    kill_shim.arm()
