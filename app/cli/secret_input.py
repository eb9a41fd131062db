"""Passwords and passphrases: from the input stream only, asked for without echo where a person sits there."""

from __future__ import annotations

import getpass
import sys

from app.errors import ValidationFailed

LONGEST_LINE = 4096


def read_secret(prompt: str) -> str:
    """One secret: typed unseen at a terminal, otherwise the next line of the input stream. Raises ValidationFailed for nothing."""
    if sys.stdin is not None and sys.stdin.isatty():
        secret = getpass.getpass(f"{prompt}: ", stream=sys.stderr)
    else:
        secret = "" if sys.stdin is None else sys.stdin.readline(LONGEST_LINE).rstrip("\r\n")
    if not secret:
        raise ValidationFailed(f"the {prompt.lower()} must come on the input stream", code="no_secret")
    return secret
