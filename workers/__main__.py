"""`python -m workers QUEUE` or `python -m workers reconcile`."""

import os

# OpenMP reads this when torch is loaded, so it is set before the import. By default waiting threads spin: when other
# processes need the cores too, a training step takes up to nine times as long (benchmarks/LOG.md).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from workers.runtime.main import main

main()
