"""The user's script in a forked interpreter, run as a fresh `python script.py` would run it.

Owns `__main__`, `sys.argv`, `sys.path` and the end of a warm trial: exceptions, `SystemExit` and Ctrl-C leave through
the interpreter's own shutdown, with its exit handlers, threads and buffers. Descriptors, environment and signals were
already put right by `child`.
"""

from __future__ import annotations

import builtins
import importlib.util
import os
import sys
import traceback
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Any, Dict, List, NoReturn, Optional, Sequence

from tuned.launch import shutdown
from tuned.launch.import_hook import ImportHook
from tuned.launch.seeding import seed_generators
from tuned.protocol import FORK_SAFE_MODULES, FORK_UNSAFE_MODULES, MODULES_FILE, write_record

WORTH_TELLING = 0.3
"""Seconds from which on an import is noted that no launcher makes ahead by itself."""


class Program:
    """A script, ready to run when the launcher's frames are off the stack.

    Args:
        argv: As typed; the first is the script.
        module: Its name when it is run as `python -m NAME`; None for a script.
        search: Folders for the front of `sys.path`: the script's, then the bundle.
        seed: For the random generators.
        learn: Folder to write `modules.json` into, or None.
        preloaded: Seconds that modules imported by the launcher took.
        our_modules: Names of the modules that the launcher itself consists of.
        status_fd: One byte is written here right before the user's first line.
    """

    def __init__(
        self,
        argv: List[str],
        module: Optional[str],
        search: List[str],
        seed: int,
        learn: Optional[str],
        preloaded: Dict[str, float],
        our_modules: Sequence[str],
        status_fd: int,
    ) -> None:
        self._argv = argv
        self._module = module
        self._search = search
        self._seed = seed
        self._learn = learn
        self._seconds = {n: s for n, s in preloaded.items() if n in FORK_SAFE_MODULES}
        self._preloaded = bool(preloaded)
        self._our_modules = our_modules
        self._status_fd = status_fd
        self._hook = ImportHook()

    def run(self) -> None:
        """Run the script; returns, or raises `SystemExit` or `KeyboardInterrupt`, as the script did."""
        main = self._prepare()
        if self._preloaded:
            shutdown.make_quick()
        os.write(self._status_fd, b"r")
        os.close(self._status_fd)
        try:
            exec(_code_of(main) if self._module is None else _module_code(main, self._module), main.__dict__)
            shutdown.expect(0)
            return
        except SystemExit as leaving:
            shutdown.expect(shutdown.status_of(leaving))
            raise
        except BaseException as caught:
            error, trace = caught, caught.__traceback__
        finally:
            self._write_learned()
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        _end_with(error, trace)

    def _prepare(self) -> ModuleType:
        """Everything that `python script.py` sets up before the first line."""
        sys.argv = list(self._argv)
        if hasattr(sys, "orig_argv"):
            sys.orig_argv = [sys.executable, *self._argv]
        sys.path[:0] = self._search
        self._forget_ourselves()
        processes = sys.modules.get("multiprocessing.process")
        if processes is not None:
            vars(processes)["ORIGINAL_DIR"] = os.getcwd()
            processes.current_process().authkey = os.urandom(32)
        seed_generators(self._seed, self._hook)
        if self._learn is not None:
            for name in FORK_SAFE_MODULES:
                if name not in sys.modules:
                    self._hook.after(name, self._learner(name))
            self._hook.take_times(self._search)
        return _new_main(os.path.join(os.getcwd(), self._argv[0]))

    def _forget_ourselves(self) -> None:
        """Leave no module of the launcher behind; `tuned` itself only where the same one would be found."""
        script_folder, bundle = self._search[0], self._search[-1]
        ours = sys.modules["tuned"]
        same = os.path.dirname(os.path.dirname(ours.__file__ or "")) == bundle and not (
            os.path.exists(os.path.join(script_folder, "tuned", "__init__.py"))
            or os.path.exists(os.path.join(script_folder, "tuned.py"))
        )
        for name in self._our_modules:
            if name.startswith("tuned.launch") or not same:
                del sys.modules[name]
        if hasattr(ours, "launch"):
            del ours.launch

    def _learner(self, name: str) -> Any:
        return lambda seconds: self._seconds.__setitem__(name, seconds)

    def _write_learned(self) -> None:
        if self._learn is None:
            return
        try:
            record = {
                "seconds": self._seconds,
                "unsafe": [name for name in FORK_UNSAFE_MODULES if name in sys.modules],
                "others": {n: round(s, 3) for n, s in self._hook.times.items() if s >= WORTH_TELLING},
            }
            write_record(self._learn, MODULES_FILE, record, durable=False)
        except OSError:
            pass  # the next trial teaches the same


def _new_main(path: str) -> ModuleType:
    main = ModuleType("__main__")
    main.__file__ = path
    main.__builtins__ = builtins  # type: ignore[attr-defined]
    main.__loader__ = SourceFileLoader("__main__", path)
    main.__spec__ = None
    main.__package__ = None
    main.__cached__ = None  # type: ignore[attr-defined]
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    return main


def _code_of(main: ModuleType) -> CodeType:
    # Bytes, so that a coding line counts; not inherited, or our own future imports would be the script's.
    with open(main.__file__ or "", "rb") as file:
        return compile(file.read(), main.__file__ or "", "exec", dont_inherit=True)


def _module_code(main: ModuleType, name: str) -> CodeType:
    """The code of `python -m NAME`, its packages imported and `main` named as the interpreter names it."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(name + ".__main__")
    code = None if spec is None else spec.loader.get_code(spec.name)  # type: ignore[union-attr]
    if spec is None or code is None:
        raise ImportError("No module named %s" % name)
    main.__spec__, main.__loader__, main.__package__ = spec, spec.loader, spec.parent
    main.__file__, main.__cached__ = spec.origin, spec.cached  # type: ignore[attr-defined]
    sys.argv[0] = spec.origin or name
    return code  # type: ignore[no-any-return]


def _end_with(error: BaseException, trace: Optional[TracebackType]) -> NoReturn:
    """Report an uncaught exception as the interpreter does, and leave with its exit status."""
    error.__traceback__ = trace
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(type(error), error, trace)
    except SystemExit:
        raise
    except BaseException as failure:
        _print_hook_failure(failure, error)
    if type(error) is KeyboardInterrupt:
        # Uncaught at the bottom of the stack, it ends the process by SIGINT after the shutdown; it is printed already.
        sys.excepthook = _say_nothing
        raise KeyboardInterrupt
    shutdown.expect(1)
    raise SystemExit(1)


def _print_hook_failure(failure: BaseException, error: BaseException) -> None:
    trace = failure.__traceback__
    sys.stderr.write("Error in sys.excepthook:\n")
    traceback.print_exception(type(failure), failure, trace.tb_next if trace else None)
    sys.stderr.write("\nOriginal exception was:\n")
    traceback.print_exception(type(error), error, error.__traceback__)


def _say_nothing(*_exception: Any) -> None:
    pass
