"""`python -I -m tuned.cli`: what the console script becomes when a user's package shadows one of ours."""

from __future__ import annotations

from tuned.cli.entry import main

if __name__ == "__main__":
    main()
