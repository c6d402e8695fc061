"""`python -m examples.demo` runs the demo; `python -m examples.demo serve` leaves the service running."""

import sys

from examples.demo.demo import run_demo
from examples.demo.serve import serve

if sys.argv[1:] == ["serve"]:
    serve()
else:
    run_demo()
