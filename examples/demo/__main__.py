"""`python -m examples.demo` runs the demo; with `serve` the service stays, `record` draws the client's command line."""

import signal
import sys

from examples.demo.demo import run_demo
from examples.demo.recording import record
from examples.demo.redis_servers import NoServer
from examples.demo.serve import serve

INTERRUPTED = 130


def main() -> int:
    """Both stop everything they started, also when they are interrupted or fail."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl+C
    tasks = {"demo": run_demo, "serve": serve, "record": record}
    name = (sys.argv[1:] or ["demo"])[0]
    try:
        tasks[name]()
    except KeyboardInterrupt:
        return 0 if name == "serve" else INTERRUPTED
    except NoServer as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
