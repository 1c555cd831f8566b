"""Says everything on standard error: a progress bar that redraws its line, and a logger's lines. Leaves no newline."""

import logging
import sys

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
rate = float(sys.argv[sys.argv.index("--rate") + 1])
error = 1.0
for epoch in range(3):
    for done in range(0, 101, 20):
        error *= 1 - rate
        sys.stderr.write("\r\033[32m%3d%%|%-10s| %d/100 [loss=%.4f]\033[0m" % (done, "#" * (done // 10), done, error))
        sys.stderr.flush()
    sys.stderr.write("\n")
    logging.info("validation: accuracy=%.5f", 1 - error)
sys.stderr.write("\rbest accuracy=%.5f" % (1 - error))
