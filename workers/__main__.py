"""`python -m workers QUEUE`, `python -m workers reconcile`."""

from workers.main import main

main()
