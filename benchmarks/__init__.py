"""The benchmark suite: one module per question, a shared harness, peers in environments of their own.

``python -m benchmarks`` runs all and rewrites RESULTS.md; ``python -m benchmarks.status --quick`` runs one, small.
"""

#: The modules, in the order of RESULTS.md.
MODULES = (
    "tutorial",
    "models",
    "overhead",
    "sweep",
    "scaling",
    "mixed",
    "memory",
    "status",
    "startup",
    "scale",
    "report",
    "coverage",
)
