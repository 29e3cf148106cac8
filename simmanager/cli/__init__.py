"""The command line: one verb in one place.

A verb is a function with `verb.verb` above it, in the module of its like (`running`, `looking`, `one_run`, or a further
one in the list of `parser`): name, help, arguments, examples and exit codes are said there and nowhere else. An option
of ``run_all`` is said by its field of `RunOptions`.
"""
