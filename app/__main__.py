"""``python -m app``: the command line."""

from __future__ import annotations

import multiprocessing
import sys

if __name__ == "__main__":
    multiprocessing.freeze_support()
    # Here, not above: a worker process reads this file again, and has no use for the command line.
    from app.cli import main

    sys.exit(main())
