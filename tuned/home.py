"""The state folder: where it lies, what is in it, and who may look inside.

Owns every path that daemon and clients agree on before they can talk. It decides from the environment and `config.toml`
alone, so that every shell of a user finds the same daemon, and every trial its own; it opens no database and starts
nothing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from tuned.core.errors import InvalidInput, Unavailable
from tuned.core.places import place_of
from tuned.core.records import dataclass
from tuned.protocol import ENV_ATTEMPT, ENV_DEVICE, ENV_HOME, ENV_RUN_DIR, EXITS_DIR

FOLDER = "tuned-hpo"
RUNS = "runs"
"""The folder of the run directories, which are `runs/<study>/<number>/<attempt>` below it."""
_TABLES = {
    "gpu": 'write [gpu], then e.g. after = "1m"',
    "caller": "write [caller.agent], then e.g. gpu_hours = 8",
    "ui": 'write [ui], then e.g. view = "studies"',
    "place": 'write [place.lab], then engine = "slurm"',
}
"""Tables of `config.toml`, and how each is begun."""
LONGEST_SOCKET = 100
"""Bytes of a socket's path that every kernel of ours accepts (Linux takes 107)."""


@dataclass(frozen=True, slots=True)
class Home:
    """The state folder of one daemon.

    Attributes:
        root: The folder itself, mode 0700.
        database: SQLite file, opened by the daemon alone.
        socket: Where the daemon listens.
        runs: Run directories, `runs/<study>/<number>/<attempt>`.
        lock: Held (flock) by the daemon that owns this folder.
        log: The daemon's remark.
        bundles: Folders that hold the package `tuned` alone, offered to trials.
        launchers: Logs and sockets of the launchers.
        why: How this folder was chosen, e.g. `TUNED_HOME`.
        socket_note: Why the socket lies outside the folder; empty when it does not.
    """

    root: Path
    database: Path
    socket: Path
    runs: Path
    lock: Path
    log: Path
    bundles: Path
    launchers: Path
    why: str
    socket_note: str = ""


def resolve_home(environ: Mapping[str, str] | None = None) -> Home:
    """The state folder that this environment means. Nothing is created.

    Args:
        environ: Environment variables; None: this process's.

    Raises:
        InvalidInput: `config.toml` cannot be read or names no folder.
        Unavailable: This is a trial in a place, whose daemon is on another machine.
    """
    env = os.environ if environ is None else environ
    if env.get(ENV_HOME):
        return home_at(_expanded(env[ENV_HOME], ENV_HOME), ENV_HOME)
    if env.get(ENV_ATTEMPT) and (root := _of_trial(env)) is not None:
        return home_at(root, ENV_RUN_DIR)
    user = _expanded(env.get("HOME") or "~", "HOME")
    config = _config_file(env, user)
    named = _configured(config)
    if named is not None:
        return home_at(named, str(config))
    return home_at(_xdg(env, "XDG_STATE_HOME", user / ".local" / "state") / FOLDER, "default")


def _of_trial(env: Mapping[str, str]) -> Path | None:
    """The state folder of the daemon that runs this trial, by its run directory; None where that lies in none."""
    place = place_of(env.get(ENV_DEVICE, ""))
    if place:
        raise Unavailable(
            f"this trial runs in the place {place}: its daemon is on another machine, and cannot be reached from here",
            where=ENV_ATTEMPT,
            hint="ask on the machine that submitted it",
        )
    run_dir = PurePath(env.get(ENV_RUN_DIR, ""))
    if not run_dir.is_absolute() or len(run_dir.parts) < 5 or run_dir.parts[-4] != RUNS:
        return None
    return Path(*run_dir.parts[:-4])


def home_at(root: Path, why: str) -> Home:
    """The layout of a state folder at `root`; a relative path starts from the present folder."""
    root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links the user chose
    socket, note = root / "tuned.sock", ""
    if len(os.fsencode(socket)) > LONGEST_SOCKET:
        # Not below XDG_RUNTIME_DIR: not every shell of a user has it, and it goes at logout.
        digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
        socket = Path(f"/tmp/{FOLDER}-{os.getuid()}-{digest}/tuned.sock")
        note = f"the state folder's path is too long for a socket, which is at {socket}"
    logs = root / "logs"
    return Home(
        root=root,
        database=root / "tuned.db",
        socket=socket,
        runs=root / RUNS,
        lock=root / "daemon.lock",
        log=logs / "daemon.log",
        bundles=root / "bundles",
        launchers=root / "launchers",
        why=why,
        socket_note=note,
    )


def prepare_home(home: Home) -> None:
    """Create the folders that are missing and close them to everybody else.

    Raises:
        Unavailable: A folder cannot be made, or is another user's.
    """
    exits = home.root / EXITS_DIR
    for folder in (home.root, home.socket.parent, home.log.parent, home.runs, exits, home.bundles, home.launchers):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_private(folder)
            if folder in (home.root, home.socket.parent):
                folder.chmod(0o700)
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except (FileExistsError, NotADirectoryError) as error:
            raise Unavailable("is not a folder", where=str(folder), hint="name another with TUNED_HOME") from error
        except OSError as error:
            raise Unavailable(
                f"cannot be used as state folder: {error.strerror}",
                where=str(folder),
                hint="name another with TUNED_HOME",
            ) from error


def check_private(folder: Path) -> None:
    """Make sure that a folder is ours and no link, so that nobody else can put a socket there.

    Raises:
        Unavailable: It is another user's, or a link in a place that everybody can write to.
    """
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        if folder.parent == Path("/tmp"):
            raise Unavailable("is a link, which somebody else may have put there", where=str(folder))
        found = folder.stat()
    if found.st_uid != os.getuid():
        raise Unavailable("belongs to another user", where=str(folder), hint=_remedy(found.st_uid))


def _remedy(owner: int) -> str:
    """The way on where a folder is another user's: root may be that user, others need a folder of their own."""
    another = "name another with TUNED_HOME"
    if os.getuid() != 0:
        return another
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        return another
    return f"run it as its owner: sudo -u {name} tunectl ...; or {another}"


def check_socket_folder(home: Home) -> None:
    """Make sure that nobody else can answer on our socket.

    Raises:
        Unavailable: Its folder is another user's.
    """
    try:
        check_private(home.socket.parent)
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError as error:
        raise Unavailable("belongs to another user", where=str(home.socket.parent)) from error


def _xdg(env: Mapping[str, str], name: str, default: Path) -> Path:
    value = env.get(name, "")
    return Path(value) if value.startswith("/") else default


def settings(env: Mapping[str, str], name: str) -> dict[str, Any]:
    """The table `[gpu]`, `[caller]`, `[ui]` or `[place]` of `config.toml`, as it is now; empty without one.

    Raises:
        InvalidInput: The file cannot be read.
    """
    config = _config_file(env, _expanded(env.get("HOME") or "~", "HOME"))
    table = _config(config).get(name, {})
    if not isinstance(table, dict):
        raise InvalidInput("is no table", where=f"{config}: {name}", hint=_TABLES[name])
    return table


def _config_file(env: Mapping[str, str], user: Path) -> Path:
    return _xdg(env, "XDG_CONFIG_HOME", user / ".config") / FOLDER / "config.toml"


def _config(config: Path) -> dict[str, Any]:
    try:
        text = config.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise InvalidInput(f"cannot be read: {why}", where=str(config)) from error
    from tuned.installation import load_toml  # only users with a config file pay for the parser

    try:
        table = load_toml(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"is not TOML: {error}", where=str(config)) from error
    for key in table:
        if key != "home" and key not in _TABLES:
            hint = 'it holds home = "/data/tuned", [gpu], [ui], [caller.NAME] and [place.NAME]'
            raise InvalidInput("is not a known key", where=f"{config}: {key}", hint=hint)
    return table


def _configured(config: Path) -> Path | None:
    table = _config(config)
    if "home" not in table:
        return None
    home = table["home"]
    if not isinstance(home, str) or "\0" in home or not (path := _expanded(home, f"{config}: home")).is_absolute():
        raise InvalidInput("must be an absolute path", where=f"{config}: home", hint='e.g. home = "/data/tuned"')
    return path


def _expanded(text: str, where: str) -> Path:
    """The path, with the home folder that a `~` at its beginning means."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InvalidInput(f"nobody's home is known for {text}", where=where, hint="write an absolute path") from None
