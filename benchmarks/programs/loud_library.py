"""Stands for a large library: its import takes a while, and changes filters, handlers and environment."""

import logging
import os
import time
import warnings

time.sleep(0.3)
warnings.filterwarnings("ignore", category=DeprecationWarning, module="loud_library")
logging.getLogger("loud_library").addHandler(logging.StreamHandler())
os.environ.setdefault("LOUD_LIBRARY", "1")


def run(value: int = 0) -> dict[str, float]:
    """Return something, and which process this is."""
    return {"value": float(value), "pid": float(os.getpid())}
