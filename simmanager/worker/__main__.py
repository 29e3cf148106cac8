"""``python -m simmanager.worker``: the door by which a child process enters."""

import os
import sys

from .serve import main

if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # threads that a run left must not keep the process alive
