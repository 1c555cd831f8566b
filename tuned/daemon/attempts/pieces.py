"""The next piece of an attempt's metrics file, as lines.

Owns the rule for a last line without a newline: once the attempt is over nothing follows it, so it counts as far as it
tells its own end. It holds for whoever reads: the live follower, and those who read run directories back.
"""

from __future__ import annotations

from tuned.core.trials.metric_lines import Chunk, parse_chunk
from tuned.daemon.files.run_dirs import Facts


def parse_piece(facts: Facts, offset: int, next_steps: dict[str, int], *, over: bool) -> tuple[int, Chunk]:
    """Parse the bytes that a look has found.

    Args:
        facts: The look, from `offset` on.
        offset: Bytes of the file that were read before.
        next_steps: As in `parse_chunk`; of a file that is read from its beginning they begin anew.
        over: Whether the attempt had ended before the look.

    Returns:
        Where the piece begins in the file, and its lines.
    """
    begin = offset
    if facts.replaced:
        begin = 0
        next_steps.clear()
    return begin, parse_chunk(facts.data, begin, next_steps, final=over and not facts.more)
