"""`python -m workers QUEUE` or `python -m workers reconcile`."""

import os

# Read by OpenMP when torch is loaded, so it stands before the import. By default waiting threads spin, and where other
# processes want the cores too, a training step takes up to nine times as long (benchmarks/LOG.md).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from workers.runtime.main import main

main()
