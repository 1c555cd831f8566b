"""`python -I -m tuned.cli`: the command line without the console script."""

from __future__ import annotations

import sys

from tuned.cli.run import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
