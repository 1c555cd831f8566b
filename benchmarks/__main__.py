"""`python -m benchmarks [NAME...]`: measure all figures, or those named, and print them as a table.

Owns the list of figures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import adoption, at_rest, prefilled, reporting, suggesting, terminal_ui, throughput, ui_day, warm_start
from benchmarks.figure import Figure, table

FIGURES: dict[str, Callable[[], Figure | list[Figure]]] = {
    "warm-start": warm_start.warm_start,
    "warm-start-learned": warm_start.warm_start_learned,
    "noop-trials": throughput.noop_trials,
    "adam-steps": warm_start.adam_steps,
    "report": reporting.report,
    "ingest": throughput.ingest,
    "at-rest": at_rest.at_rest,
    "studies-json": at_rest.studies_json,
    "prefilled": prefilled.prefilled,
    "ui-first-paint": terminal_ui.first_paint,
    "ui-bytes": terminal_ui.bytes_sent,
    "ui-100000": terminal_ui.keys_at_100000,
    "ui-million": terminal_ui.curve_of_a_million,
    "ui-slow-line": terminal_ui.slow_lines,
    "ui-memory": terminal_ui.memory,
    "ui-day": ui_day.day,
    "idle-slots": suggesting.idle_slots,
    "suggestion-cpu": suggesting.suggestion_cpu,
    "adoption": adoption.adoption,
}


def main(names: list[str]) -> int:
    """Measure; 0 when every target is reached, 1 when one is missed, 2 for an unknown name."""
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        sys.stderr.write(f"benchmarks: no figure {unknown[0]!r}; there are {', '.join(FIGURES)}\n")
        return 2
    figures: list[Figure] = []
    for name in names or FIGURES:
        sys.stderr.write(f"{name} ...\n")
        found = FIGURES[name]()
        figures += found if isinstance(found, list) else [found]
    print(table(figures))
    return 0 if all(figure.reached for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
