"""The verbs: one registry behind the API, `tunectl`, the terminal UI, scripts and the documentation.

Owns their names, their words, and the cost of each. Doing them is the daemon's work (`tuned.daemon.verbs`); which
module holds a verb of `tunectl` is `tuned.cli.root`'s. Scripts under Python 3.9 read it, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from tuned.core.records import StrEnum, dataclass
from tuned.core.states import LIVE, OPEN, TERMINAL, TrialState


class Kind(StrEnum):
    """The effect of a verb on the daemon's record and on running work."""

    READ = "read"
    """Nothing changes."""
    CHANGE = "change"
    """Something changes, and no work or result is lost."""
    DESTROY = "destroy"
    """Work or results are lost for good: a person is asked first."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        name: As `tunectl` and the API spell it.
        meaning: One sentence, in the imperative.
        kind: Of its usual form with a target: `queue` without a command only reads.
        destroying: Options with which it destroys, whatever its kind is.
        keeps, loses: Of its targets; empty where that is no question.
        undo: The command that takes it back; empty: none does.
        done: The targets' state afterwards, for replies: `paused`; empty: it takes no targets.
        states: Trials that it acts on.
        studies: Whether it takes whole studies, too.
        local: Whether it works with files of the machine that it runs on, so that `-H` makes no sense.
        untried: Why it has no `--dry-run` although it changes something; empty: it has one.
    """

    name: str
    meaning: str
    kind: Kind = Kind.READ
    keeps: str = ""
    loses: str = ""
    undo: str = ""
    done: str = ""
    states: frozenset[TrialState] = frozenset()
    studies: bool = False
    local: bool = False
    untried: str = ""
    destroying: tuple[str, ...] = ()

    def destroys(self, words: Sequence[str]) -> bool:
        """Whether a command line of this verb loses work or results, as far as its words say."""
        return self.kind is Kind.DESTROY or any(option in words for option in self.destroying)

    @property
    def dry_run(self) -> bool:
        """Whether `--dry-run` says what it would do, by doing it in a transaction that is rolled back."""
        return self.kind is not Kind.READ and not self.untried

    @property
    def costs(self) -> tuple[str, ...]:
        """`Kept: ...` and `Lost: ...`, as far as that is a question."""
        named = (("Kept", self.keeps), ("Lost", self.loses))
        return tuple(f"{name}: {text}." for name, text in named if text)

    @property
    def cost(self) -> str:
        """The same on one line; empty where that is no question."""
        return " ".join(self.costs)


_C, _D = Kind.CHANGE, Kind.DESTROY

VERBS = (
    Verb(
        "daemon",
        "Start and stop the daemon; show its state and its log.",
        _C,
        local=True,
        untried="of its own verbs recover and rebuild have one; the others keep all work and results",
    ),
    Verb("init", "Write a first study file for a script.", local=True),
    Verb("check", "Try a study file before it is submitted.", local=True),
    Verb(
        "submit",
        "Submit a study file.",
        _C,
        loses="with --replace, the work of what runs and waits in the study of this name",
        undo="delete",
        local=True,
        destroying=("--replace",),
    ),
    Verb("tune", "Tune a script's options in one line.", _C, undo="delete", local=True),
    Verb("queue", "Queue one plain command; without one, show the queue.", _C, undo="cancel"),
    Verb("status", "Show the daemon, its slots, the trials that run and those that failed."),
    Verb("studies", "List the studies."),
    Verb("show", "Show a study, or one trial with all that it reported."),
    Verb("why", "Say why a study or trial waits, runs, was stopped or failed."),
    Verb("trials", "List a study's trials."),
    Verb("best", "Show a study's best trials."),
    Verb("metrics", "List the metrics that trials reported."),
    Verb("enqueue", "Queue points of your own.", _C, undo="cancel"),
    Verb("space", "Show a study's search space, or change it while it runs.", _C, undo="space --back-to"),
    Verb(
        "pause",
        "Pause studies or trials.",
        _C,
        keeps="a study's running trials go on; of a paused trial all where it is frozen, else its last checkpoint",
        loses="at the levels checkpoint and restart the work since the last checkpoint",
        undo="resume",
        done="paused",
        states=LIVE,
        studies=True,
    ),
    Verb(
        "resume",
        "Let paused studies or trials go on.",
        _C,
        undo="pause",
        done="resumed",
        states=frozenset({TrialState.PAUSED}),
        studies=True,
    ),
    Verb(
        "cancel",
        "Stop studies or trials, and leave these trials out of the search.",
        _D,
        keeps="ended trials, reported metrics and logs",
        loses="the rest of the run; the search does not learn from it",
        done="cancelled",
        states=OPEN,
        studies=True,
    ),
    Verb(
        "prune",
        "Stop trials, and keep their results so far.",
        _D,
        keeps="the result so far, which the search learns from",
        loses="the rest of the run",
        done="pruned",
        states=LIVE | {TrialState.PAUSED},
    ),
    Verb(
        "kill",
        "End trials at once, without time to save.",
        _D,
        keeps="reported metrics, logs and the last checkpoint",
        loses="the work since then; the trial has failed",
        done="killed",
        states=LIVE,
    ),
    Verb(
        "retry",
        "Repeat ended trials, each as a new trial of the same point.",
        _C,
        undo="retry --undo",
        done="queued, with the same point",
        states=TERMINAL,
    ),
    Verb(
        "next",
        "Run queued trials before all others.",
        _C,
        undo="priority",
        done="next",
        states=frozenset({TrialState.QUEUED}),
    ),
    Verb(
        "priority",
        "Set or shift the priority: higher runs first.",
        _C,
        undo="priority",
        states=OPEN,
        studies=True,
    ),
    Verb("confirm", "Repeat the best trials with new seeds, and say whether they are better.", _C, undo="cancel"),
    Verb("folds", "Compare cross-validated trials fold by fold."),
    Verb("ensemble", "Compare ensembles of the best with the best single model."),
    Verb("finalize", "Train the final model on all data, and measure it on the test set once.", _C),
    Verb("steps", "Show or steer the steps of a playbook.", _C),
    Verb("set", "Change a study while it runs: more trials, parallel, early stopping.", _C, undo="set"),
    Verb("wait", "Wait until studies or trials have ended, or something needs attention."),
    Verb("effects", "Show the effect of each hyperparameter."),
    Verb("importance", "Show how much each hyperparameter matters."),
    Verb("slice", "Show the expected result along a hyperparameter."),
    Verb("contour", "Show the expected result over two hyperparameters."),
    Verb("fit", "Show how well a model predicts the trials."),
    Verb("advise", "Judge a study as the tuning playbook would, with evidence and remedies."),
    Verb("data", "Show hard examples, classes, duplicates and the gain of more data."),
    Verb("compare", "Compare two studies, or a study's baseline with its best."),
    Verb("verdict", "Say whether one trial is better than another: adopt, reject or undecided."),
    Verb("report", "Write a study's report as one HTML file."),
    Verb("explain", "Explain a term, with a study's numbers."),
    Verb(
        "probe-batch",
        "Find the batch sizes that fit, and the fastest.",
        _C,
        untried="what it says is what its runs have measured",
    ),
    Verb("logs", "Print a trial's output."),
    Verb("events", "List or follow events."),
    Verb("summary", "Summarise everything since you last looked."),
    Verb("export", "Write a study as csv or jsonl, or for Optuna, MLflow or TensorBoard."),
    Verb(
        "import", "Take in results of Optuna, or of any table, for others to begin with.", _C, undo="delete", local=True
    ),
    Verb("metrics-file", "Write the daemon's figures for Prometheus' node_exporter."),
    Verb("notify", "Run a study's notify command, to see whether it works.", _C),
    Verb(
        "delete",
        "Delete a study and its trials.",
        _D,
        loses="the study, its trials, their metrics and their run directories",
    ),
    Verb("gpu", "List the GPUs; leave one to somebody else for a while.", _C, undo="gpu take"),
    Verb(
        "gc",
        "Free disk space, the least useful files first.",
        _D,
        keeps="results and metrics",
        loses="checkpoints, work folders and logs of ended trials",
        local=True,
    ),
    Verb("doctor", "Check this machine for trouble ahead.", local=True),
    Verb(
        "sdk",
        "Let the active environment import tuned outside of trials, too.",
        _C,
        undo="sdk --remove",
        local=True,
        untried="it asks no daemon, and another call takes it back",
    ),
    Verb("completion", "Print the script that completes verbs and studies in your shell."),
    Verb("ui", "Open the terminal UI."),
    Verb("web", "Show studies and trials in a browser, reading only.", local=True),
    Verb(
        "mcp",
        "Serve coding agents on stdin and stdout; reading only, unless asked.",
        _C,
        local=True,
        untried="its tools have one each",
    ),
    Verb("top", "Open the terminal UI."),
)
"""Every verb of `tunectl`, in the order of a study's life."""

EXAMPLES = {
    "daemon": "tunectl daemon status",
    "init": "tunectl init train.py",
    "check": "tunectl check sweep.toml --run",
    "submit": "tunectl submit sweep.toml --follow",
    "tune": "tunectl tune train.py lr=log:1e-5..1e-1 --minimize val_loss --trials 40",
    "queue": "tunectl queue -- python finetune.py --epochs 3",
    "status": "tunectl status",
    "studies": "tunectl studies",
    "show": "tunectl show sweep/7",
    "why": "tunectl why sweep/7",
    "trials": "tunectl trials sweep --sort value --limit 10",
    "best": "tunectl best sweep",
    "metrics": "tunectl metrics sweep/best --name val_loss",
    "enqueue": "tunectl enqueue sweep lr=1e-3",
    "space": "tunectl space sweep --set lr.high=0.1",
    "pause": "tunectl pause sweep",
    "resume": "tunectl resume sweep",
    "cancel": "tunectl cancel sweep/3-7",
    "prune": "tunectl prune sweep/12",
    "kill": "tunectl kill sweep/12",
    "retry": "tunectl retry sweep/12",
    "next": "tunectl next sweep/14",
    "priority": "tunectl priority sweep 10",
    "confirm": "tunectl confirm sweep --top 3 --seeds 5",
    "folds": "tunectl folds sweep",
    "ensemble": "tunectl ensemble sweep",
    "finalize": "tunectl finalize sweep",
    "steps": "tunectl steps sweep",
    "set": "tunectl set sweep search.trials=+40",
    "wait": "tunectl wait sweep --timeout 2h",
    "effects": "tunectl effects sweep",
    "importance": "tunectl importance sweep",
    "slice": "tunectl slice sweep lr",
    "contour": "tunectl contour sweep lr momentum",
    "fit": "tunectl fit sweep",
    "advise": "tunectl advise sweep",
    "data": "tunectl data sweep",
    "compare": "tunectl compare sweep sweep-2",
    "verdict": "tunectl verdict sweep/1 sweep/best",
    "report": "tunectl report sweep -o sweep.html",
    "explain": "tunectl explain seed",
    "probe-batch": "tunectl probe-batch sweep.toml",
    "logs": "tunectl logs -f sweep",
    "events": "tunectl events sweep --since 12h",
    "summary": "tunectl summary",
    "export": "tunectl export sweep --format csv -o sweep.csv",
    "import": "tunectl import optuna study.db --metric val_loss",
    "metrics-file": "tunectl metrics-file /var/lib/node_exporter/tuned.prom --no-start",
    "notify": "tunectl notify sweep",
    "delete": "tunectl delete sweep",
    "gpu": "tunectl gpu",
    "gc": "tunectl gc --dry-run",
    "doctor": "tunectl doctor",
    "sdk": "tunectl sdk",
    "completion": "tunectl completion bash",
    "ui": "tunectl ui",
    "web": "tunectl web",
    "mcp": "tunectl mcp --allow change --gpu-hours 8 --trials 200",
    "top": "tunectl top",
}
"""Verb -> one line that is typed as it stands: the end of its `--help`."""

BY_NAME = {verb.name: verb for verb in VERBS}

STEERING = tuple(verb for verb in VERBS if verb.done)
"""The verbs that take targets and nothing else: one route of the API each."""

GROUPS = {
    "Begin": "init check submit tune queue enqueue import",
    "Look in": "status studies show why trials best metrics logs events summary wait ui top web",
    "Steer": "pause resume cancel prune kill retry next priority set space delete",
    "Judge": "advise effects importance slice contour fit compare verdict folds data explain report export",
    "Finish": "confirm ensemble finalize steps",
    "This machine": "daemon gpu gc probe-batch notify metrics-file doctor sdk mcp completion",
}
"""Heading -> the verbs below it, as `tunectl help` lists them."""

OTHER_NAMES = {"ls": "studies", "ps": "queue", "version": "--version", "help": "--help"}
"""Names that people type from habit, and the verb or option that answers."""

NOT_A_VERB = {
    "stop": "cancel",
    "start": "daemon start",
    "run": "submit",
    "rm": "delete",
    "add": "submit",
    "tail": "logs -f",
    "follow": "wait STUDY --follow",
    "watch": "wait STUDY --follow",
}
"""Names that could mean several verbs, and the one that is proposed."""
