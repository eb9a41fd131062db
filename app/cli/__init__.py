"""The second front end: the whole core without a window, for scripts and support. ``python -m app --help`` lists the commands.

Exit codes: 0 done, 1 refused (the reason is on the error stream), 2 not understood. Answers go to the output stream; with ``--json`` one JSON
document. Passwords and passphrases come from the input stream only, one a line: the vault's passphrase first, where ``--vault`` is given.
"""

from __future__ import annotations

from app.cli.main import main

__all__ = ["main"]
