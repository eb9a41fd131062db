"""Where a profile's files live on each system, and who may touch them.

One folder holds everything: the encrypted database, the settings, the log, the private temporary folder. It is for its owner alone (0700); on
Windows the user's own application folder is private already.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from app.errors import DiskFull, LocalError, ProfileInUse

APPLICATION = "Outrigger"


@dataclass(frozen=True, slots=True)
class Profile:
    """The files of one user's Outrigger. ``root`` need not exist before `prepare`."""

    root: Path

    @classmethod
    def default(cls) -> Profile:
        """The profile of whoever runs the program, in the system's own place for application data that does not roam."""
        return cls(platformdirs.user_data_path(APPLICATION, appauthor=False, roaming=False))

    @property
    def database(self) -> Path:
        """The encrypted database."""
        return self.root / "outrigger.db"

    @property
    def settings_file(self) -> Path:
        """Settings in TOML; no secrets, no mail."""
        return self.root / "settings.toml"

    @property
    def temp_dir(self) -> Path:
        """Files handed to other programs; wiped at start and at close."""
        return self.root / "temp"

    @property
    def log_file(self) -> Path:
        """The newest log; older ones beside it."""
        return self.root / "logs" / "outrigger.log"

    @property
    def lock_file(self) -> Path:
        """Held by the process that has the profile open."""
        return self.root / "lock"

    @property
    def vault_file(self) -> Path:
        """Secrets sealed by a passphrase, where the user chose that."""
        return self.root / "secrets.vault"

    @property
    def name_file(self) -> Path:
        """The profile's own name in the keychain, so that a moved folder still finds its key."""
        return self.root / "profile-name"

    def prepare(self) -> None:
        """Make the folders, closed to others. Raises DiskFull, LocalError."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.log_file.parent.mkdir(exist_ok=True)
            for folder in (self.root, self.log_file.parent):
                _make_private(folder)
        except OSError as error:
            raise folder_error(error, "the profile folder cannot be made") from error

    def wipe_temp(self) -> None:
        """Empty the temporary folder, or make it. What another program still holds open (Windows) stays until the next start.

        Raises DiskFull, LocalError.
        """
        try:
            if self.temp_dir.is_symlink():
                self.temp_dir.unlink()
            if self.temp_dir.exists():
                shutil.rmtree(self.temp_dir, ignore_errors=True)
            self.temp_dir.mkdir(mode=0o700, exist_ok=True)
            _make_private(self.temp_dir)
        except OSError as error:
            raise folder_error(error, "the temporary folder cannot be made") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the profile for this process; the system lets go of it when the process dies.

        Raises ProfileInUse, LocalError.
        """
        try:
            handle = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise folder_error(error, "the profile's lock file cannot be made") from error
        try:
            _lock(handle)
            yield
        finally:
            os.close(handle)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file's content so that a crash leaves the old or the new one, whole; for its owner alone (0600).

    Raises DiskFull, LocalError.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise folder_error(error, f"{path.name} cannot be written") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system can."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def protect_process() -> None:
    """Files made from now on are for their owner alone, and a crash writes no core dump: memory holds keys and mail."""
    os.umask(0o077)
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def folder_error(error: OSError, words: str) -> LocalError:
    """The error of ours for a system error on a profile's file."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{words}: the disk is full")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return LocalError(f"{words}: this user may not write there", code="profile_not_writable")
    return LocalError(f"{words} ({type(error).__name__}: {error.strerror})", code="profile_not_writable")


def _make_private(folder: Path) -> None:
    if sys.platform != "win32":
        folder.chmod(0o700)


def _lock(handle: int) -> None:
    words = "another Outrigger has this profile open"
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise ProfileInUse(words) from error
    else:
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProfileInUse(words) from error
