"""``python -m ui``: the window."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Here, not above: a worker process reads this file again, and has no use for Qt.
    from ui.main import main

    sys.exit(main())
