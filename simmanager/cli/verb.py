"""Help: what ``--help`` says about each verb, beside its arguments."""

from __future__ import annotations

from typing import NamedTuple

_EXITS = "\nexit codes:\n"


class VerbHelp(NamedTuple):
    """The help of a verb; lines are at most 79 characters wide.

    Parameters
    ----------
    summary : str
        A line for the list of verbs.
    text : str
        Paragraphs about what it does.
    examples : tuple of tuple of str
        Commands, each with what it does.
    good, bad : str
        When the exit code is 0, and when it is 1; no ``bad``: never.
    """

    summary: str
    text: str
    examples: tuple[tuple[str, str], ...]
    good: str
    bad: str = ""

    @property
    def description(self) -> str:
        """The summary as a sentence, and the text."""
        return f"{self.summary[0].upper()}{self.summary[1:]}.\n\n{self.text.strip()}"

    @property
    def epilog(self) -> str:
        """The examples and the exit codes."""
        examples = "".join(f"  {command}\n      {does}\n" for command, does in self.examples)
        return f"examples:\n{examples}{_EXITS}{exit_codes(self.good, self.bad)}"


def exit_codes(good: str, bad: str) -> str:
    """Return the table of exit codes; those from 2 on mean the same for every verb."""
    failed = f"  1    {bad}\n" if bad else ""
    return f"  0    {good}\n{failed}  2    wrong usage, or something that is needed is not there\n  130  after Ctrl-C\n"


EPILOG = f"""\
A batch is a folder: each simulation in it, each of its runs in a folder of its
own. Looking at a batch (status, results, logs, report, show, diff) needs no
lock, never disturbs it, and runs no code that is in it.

examples:
  simmanager demo
      see it work
  simmanager run mine.py --runs 20 --id tonight
      run the simulations of mine.py, 20 times each
  simmanager status tonight --watch
      look on from a second terminal
  simmanager resume tonight
      go on after an interruption
{_EXITS}{exit_codes("all is well: runs are finished (status: none failed so far)", "a run failed or was interrupted")}
"simmanager COMMAND --help" tells more about each command.
"""

_RAN = ("all runs of the batch are finished", "a run failed or was interrupted")

HELP = {
    "run": VerbHelp(
        "run the simulations of a Python, TOML or YAML file",
        """
A Python file defines simulations: FILE.py takes its simulation_list,
FILE.py:NAME another of its names, which is a SingleSim, a list of them, or a
function that returns one. The batch is made in the folder DIR/ID, which must
not hold one yet (but see --extend), and all its runs are executed, as many at
a time as --jobs says.

A run that raises, crashes or hangs hurts no other; look at it with "simmanager
logs", correct it, and use "simmanager rerun". The first Ctrl-C starts nothing
new and lets the runs at hand end, a second one ends them: "simmanager resume"
goes on.

A batch file needs no code (YAML has the same fields); classes, loops and
metrics are named "module:name":

  runs_per_sim = 20
  [options]                          # the keywords of run_all
  timeout = 3600
  [[simulations]]
  simulation_id = "SR"
  default = "stachenfeld_in_2d"      # or agent_class = "module:Class", ...
  agent_params = { discount = 0.8 }
  [simulations.sweep]
  agent_params.lr_td = [0.001, 0.01]
""",
        (
            ("simmanager run mine.py --runs 20 --id tonight", "20 runs of each simulation, in the folder tonight/"),
            ("simmanager run mine.py:SR --sweep agent_params.lr_td=0.001,0.01", "SR with each of two learning rates"),
            ("simmanager run rooms.toml --jobs 4 --timeout 3600 --retries 1", "four at a time, an hour each at most"),
            ("simmanager run rooms.toml --extend --runs 40", "add runs to the batch that is there"),
        ),
        *_RAN,
    ),
    "demo": VerbHelp(
        "run the default simulations, full size, and draw figures",
        """
Runs the successor representation of Stachenfeld et al. (2017), with two sets
of parameters, and the plasticity model of Weber & Sprekeler (2018) in
DIR/simmanager_demo; prints the status and draws curves, trajectories and rate
maps into its folder figures/. An earlier demo there is replaced.
""",
        (
            ("simmanager demo", "three simulations, five runs of each"),
            ("simmanager demo --runs 1 --dir /tmp", "less of it, elsewhere"),
        ),
        *_RAN,
    ),
    "status": VerbHelp(
        "show how far a batch is",
        """
Shows each simulation and each of its runs with its state: in_queue, running
(how far, and how long still), finished, error or interrupted (with the
reason), and what you can do next. PATH may also be the folder of one run, or
of NeuralPlayground's results.
""",
        (
            ("simmanager status tonight", "a tree"),
            ("simmanager status tonight --watch", "the same, until the batch ends"),
            ("simmanager status tonight --json", "for a program; the names are stable"),
        ),
        "no run failed or was interrupted so far",
        "a run failed or was interrupted",
    ),
    "results": VerbHelp(
        "show what the runs gave, as a table",
        """
Shows a row for each simulation, with the parameters in which they differ and
the means of its metrics, and a row for each run. --csv and --json print the
rows of the runs with all fields and parameters; with --key, the points of
one curve.
""",
        (
            ("simmanager results tonight", "a table"),
            ("simmanager results tonight SR --csv > runs.csv", "the runs of one simulation, for a spreadsheet"),
            ("simmanager results tonight --key state_td_error --csv", "a learning curve of every run"),
        ),
        "no run failed or was interrupted so far",
        "a run failed or was interrupted",
    ),
    "logs": VerbHelp(
        "show what runs wrote",
        """
Shows error.log of each run that has one: what it wrote to the standard error
stream, and the traceback it ended with. SIM and RUN choose one simulation, or
one run.
""",
        (
            ("simmanager logs tonight", "why did runs fail?"),
            ("simmanager logs tonight SR 3 --type run", "what run 3 of SR printed"),
            ("simmanager logs tonight --type run --follow", "what all runs print, as they do"),
        ),
        "the logs were shown",
    ),
    "report": VerbHelp(
        "write a page about a batch, to be opened in a browser",
        """
Writes one HTML file that needs no other and no network: states, tables,
curves, rate maps and what went wrong. It is report.html in the folder of the
batch unless -o names another.
""",
        (
            ("simmanager report tonight --open", "write tonight/report.html and look at it"),
            ("simmanager report tonight --watch -o live.html", "a page that follows the batch"),
        ),
        "the page was written",
    ),
    "show": VerbHelp(
        "show what one run is made of: parameters, seed, versions",
        """
Shows the record of a run: state, seed, attempt, times, host, command line,
parameters, versions of Python and of the packages that it loaded, and the git
commit of your code (and whether it was changed since).
""",
        (
            ("simmanager show tonight SR 3", "run 3 of SR"),
            ("simmanager show tonight/SR/3 --json", "the same, for a program"),
        ),
        "the record was shown",
    ),
    "diff": VerbHelp(
        "say in what two runs differ",
        """
Compares what two runs are made of, and how they ended: parameters, seed,
versions, commit, program, outcome. Times, memory and process ids, which always
differ, are left out. The runs may be of different batches.
""",
        (
            ("simmanager diff tonight/SR/0 yesterday/SR/0", "why did it work yesterday?"),
            ("simmanager diff tonight/SR/0 tonight/SR_slow/0 --json", "for a program"),
        ),
        "they are made of the same",
        "they differ",
    ),
    "reproduce": VerbHelp(
        "run a finished run again elsewhere and compare what comes out",
        """
Runs a finished run once more with the same parameters and seed, in another
folder, and says of each of its results whether the bytes or at least the
values are the same, and what has changed in the program since. The run itself
is not touched. This unpickles parameters and results and runs their code: only
for folders of your own.
""",
        (
            ("simmanager reproduce tonight SR 3", "is run 3 of SR reproducible?"),
            ("simmanager reproduce tonight/SR/3 --to again", "and keep what came out"),
        ),
        "the same values",
        "other values, or it did not finish",
    ),
    "resume": VerbHelp(
        "go on with what is not finished",
        """
Executes the runs that wait or were interrupted; those that failed stay as they
are, unless --retry-errors is given, and what is finished is never executed
again. This unpickles the simulations: only for folders of your own.
""",
        (
            ("simmanager resume tonight", "after Ctrl-C, a kill or a power cut"),
            ("simmanager resume tonight --jobs 2 --retry-errors", "two at a time, failed runs too"),
        ),
        *_RAN,
    ),
    "rerun": VerbHelp(
        "replace the failed runs of a simulation by new ones",
        """
Makes the failed and interrupted runs of one simulation anew, with the same run
ids and seeds, and executes them; --set changes parameters first. Finished runs
stay, unless --all is given. This unpickles the simulations: only for folders
of your own.
""",
        (
            ("simmanager rerun tonight SR", "what failed, after its cause is gone"),
            (
                "simmanager rerun tonight SR --set agent_params.lr_td=0.001 --all",
                "everything, with a corrected parameter",
            ),
        ),
        *_RAN,
    ),
    "stop": VerbHelp(
        "ask the manager of a batch to stop",
        """
Does from another terminal what Ctrl-C does in the manager's own: nothing new
is started, and the runs at hand end. "simmanager resume" goes on.
""",
        (
            ("simmanager stop tonight", "after the runs at hand"),
            ("simmanager stop tonight --now", "end those, too; they will be interrupted"),
        ),
        "it was asked, or no manager is running the batch",
    ),
    "completion": VerbHelp(
        "print a script that lets a shell complete what you type",
        """
The script completes commands, options, files, and the simulations, runs and
parameters of a batch. It needs the extra "completion": pip install
'simmanager[completion]'. Put one of these lines into the file that your shell
reads when it starts:

  ~/.bashrc                    eval "$(simmanager completion bash)"
  ~/.zshrc, after compinit     eval "$(simmanager completion zsh)"
  ~/.config/fish/config.fish   simmanager completion fish | source
""",
        (
            ('eval "$(simmanager completion bash)"', "in this shell, now"),
            (
                "simmanager completion fish > ~/.config/fish/completions/simmanager.fish",
                "in every fish from now on, read when it is needed",
            ),
        ),
        "the script was printed",
    ),
}
