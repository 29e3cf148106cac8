"""The command line, called in the process of the test: as quick as a call, and nearly as good as a new process."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from pathlib import Path
from subprocess import CompletedProcess

from simmanager.cli.main import main


def simmanager(*words: object) -> CompletedProcess[str]:
    """Run it; then the words, the path, the filters and the modules of the working directory are as they were."""
    out, err = io.StringIO(), io.StringIO()
    path, modules, argv = list(sys.path), set(sys.modules), sys.argv
    sys.argv = ["simmanager", *map(str, words)]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("default")
        try:
            code = main()
        finally:
            sys.path[:], sys.argv = path, argv
            for name in set(sys.modules) - modules:
                if str(getattr(sys.modules[name], "__file__", None)).startswith(f"{Path.cwd()}{os.sep}"):
                    del sys.modules[name]
    return CompletedProcess(list(words), code, out.getvalue(), err.getvalue())
