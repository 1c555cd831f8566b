"""Logging as most scripts set it up, and output in many small pieces."""

import logging
import sys

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
logging.getLogger(__name__).info("started %s", sys.argv[1:])
for i in range(3):
    print(f"\r{i}/3", end="", flush=True)
sys.stdout.buffer.write(b"\nraw bytes \xff\n")
sys.stderr.write("to stderr\n")
print("é ✓")
logging.error("last word")
