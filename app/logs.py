"""The log file: what the program did, with nothing in it that mail, Salesforce or a keychain would not want told.

Code logs no subjects, bodies, addresses or names in the first place. This file is the second wall: addresses and secrets are struck out of every
line, other libraries' messages are kept without their arguments, and a traceback loses the words of foreign exceptions.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import queue
import re
import time
import traceback
from io import TextIOWrapper
from pathlib import Path

from app.errors import AppError

LARGEST_FILE = 1 << 20
FILES_KEPT = 3
LONGEST_MESSAGE = 10_000
OWN_LOGGERS = ("app", "ui")
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}

_SECRETS = re.compile(
    r"""
      (?i: \b (?: bearer | basic | oauth | sid= ) \s* [^\s"',;]+ )                         # Authorization header
    | (?i: \b [\w-]{0,40} (?: token | secret | password | passphrase | code_verifier | assertion | authorization | cookie | \bcode | \bkey )
          ["']? \s* [=:] \s* ["']? [^\s"',;&]+ )                                          # form fields, JSON, keyword arguments
    | \b 00D [A-Za-z0-9]{12,15} ! [^\s"']+                                                # Salesforce session id
    | \b 5Aep [A-Za-z0-9._-]{10,}                                                         # Salesforce refresh token
    | \b eyJ [A-Za-z0-9_-]+ \. [A-Za-z0-9_.-]+                                            # JSON Web Token
    | \b [0-9a-fA-F]{40,} \b                                                              # raw keys
    | [A-Za-z0-9+/_-]{48,} ={0,2}                                                         # anything long that looks like base64
    """,
    re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=/\\]{1,64}@[^\s<>()\[\]\"',;:=/\\]{1,255}")


def redact(text: str) -> str:
    """The text without addresses, tokens, keys and passwords."""
    return _ADDRESS.sub("<address>", _SECRETS.sub("<secret>", text))


class LogFile:
    """The open log. Lines are written by a thread of its own, so that a slow disk never holds up the loop."""

    def __init__(self, path: Path, *, level: str = "info") -> None:
        self._file = _PrivateFile(
            path, maxBytes=LARGEST_FILE, backupCount=FILES_KEPT, encoding="utf-8", errors="backslashreplace", delay=True
        )
        formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s")
        formatter.converter = time.gmtime
        self._file.setFormatter(formatter)
        lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._entrance = _Entrance(lines)
        self._listener = logging.handlers.QueueListener(lines, self._file)
        self._levels = {name: logging.getLogger(name).level for name in OWN_LOGGERS}
        self.set_level(level)
        logging.getLogger().addHandler(self._entrance)
        self._listener.start()

    def set_level(self, level: str) -> None:
        """Choose between "debug", "info" and "warning" for our own messages; other libraries are heard from "warning" on."""
        for name in OWN_LOGGERS:
            logging.getLogger(name).setLevel(LEVELS[level])

    def close(self) -> None:
        """Write what waits, end the thread, leave logging as it was found."""
        logging.getLogger().removeHandler(self._entrance)
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        self._listener.stop()
        self._file.close()
        self._entrance.close()


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A rotating file for its owner alone (0600)."""

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(handle, "a", encoding=self.encoding, errors=self.errors)


class _Entrance(logging.handlers.QueueHandler):
    """Makes a finished, harmless line of each record before it leaves the thread that made it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return (_is_ours(record) or record.levelno >= logging.WARNING) and bool(super().filter(record))

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        # The arguments of other libraries are addresses of servers, answers, queries; the template alone says what happened.
        text = record.getMessage() if _is_ours(record) else str(record.msg)
        text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text[:LONGEST_MESSAGE])
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}\n{_trace(record.exc_info[1])}"
        line = logging.LogRecord(record.name, record.levelno, "", 0, redact(text), None, None)
        line.created, line.msecs = record.created, record.msecs
        return line


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in OWN_LOGGERS


def _trace(error: BaseException) -> str:
    lines: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        words = one.message if isinstance(one, AppError) else ""
        lines.append(f"{type(one).__name__}: {words}" if words else type(one).__name__)
        with contextlib.suppress(Exception):
            frames = traceback.extract_tb(one.__traceback__)
            lines.extend(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\n".join(lines)
