"""Everything a script can see of how it was started."""

import os
import resource
import signal
import sys

import __main__

print(sys.argv, __name__, __spec__, __package__, __file__, __doc__)
print(sorted(globals()))
print(sys.path[0], len(sys.path), sys.path)
print(__main__ is sys.modules["__main__"], __builtins__.__name__, type(__loader__).__name__)
print(getattr(sys, "orig_argv", None), sys.flags)
print(os.getcwd(), os.getpgid(0) == os.getpid(), os.getsid(0) == os.getppid())
print(sorted(os.listdir("/proc/self/fd"))[:4], os.readlink("/proc/self/fd/0"))
print({s.name: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGUSR1)})
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.set_wakeup_fd(-1), signal.getsignal(signal.SIGCHLD))
print(os.umask(0), resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))
print(sys.stdout.line_buffering, sys.stdout.write_through, sys.stdout.encoding, sys.stdout.errors, sys.stdin.name)
print(sorted((k, v) for k, v in os.environ.items() if not k.startswith("TUNED_")))
print(sys.excepthook is sys.__excepthook__, sys.getrecursionlimit(), sys.meta_path[-1])
