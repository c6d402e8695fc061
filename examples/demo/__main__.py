"""`python -m examples.demo` runs the demo; `python -m examples.demo serve` leaves the service running."""

import signal
import sys

from examples.demo.demo import run_demo
from examples.demo.serve import serve

INTERRUPTED = 130


def main() -> int:
    """Both stop everything they started, also when they are interrupted or fail."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl+C
    is_serving = sys.argv[1:] == ["serve"]
    try:
        serve() if is_serving else run_demo()
    except KeyboardInterrupt:
        return 0 if is_serving else INTERRUPTED
    return 0


sys.exit(main())
