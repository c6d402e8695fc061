"""`python -m handsoff_client`: the same as the command `handsoff`."""

import sys

from handsoff_client.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
