"""A trial that appends a prepared file of lines to its metrics at once, and says when it began to."""

import os
import sys
import time

began = time.time()
with open(sys.argv[1], "rb") as source, open(os.environ["TUNED_METRICS"], "ab") as target:
    target.write(source.read())
    target.write(b'{"step": 0, "began": %f}\n' % began)
