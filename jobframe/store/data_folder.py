"""The folder of the embedded server: its files, the place of its socket, and the lock that lets one server open it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from urllib.parse import quote

import attrs

from jobframe.core.errors import StoreUnavailable

__all__ = ["DataFolder"]

_LONGEST_SOCKET = 100
"""Bytes; systems allow 104 to 108."""


def _absolute(path: Path) -> Path:
    return path.resolve()


@attrs.frozen
class DataFolder:
    """
    Where the embedded server keeps what it holds.

    Attributes:
        path: The folder, absolute.

    """

    path: Path = attrs.field(converter=_absolute)

    @property
    def log(self) -> Path:
        """File that the server writes its log to."""
        return self.path / "server.log"

    @property
    def pid(self) -> Path:
        """File with the number of the server's process."""
        return self.path / "server.pid"

    @property
    def socket(self) -> Path:
        """
        Path of the unix socket: in the folder, or in ``/tmp`` when that would be too long for one.

        It depends on the folder and the user alone, so every process finds the same one.
        """
        here = self.path / "server.sock"
        if len(os.fsencode(here)) <= _LONGEST_SOCKET:
            return here
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path("/tmp", f"jobframe-{os.getuid()}", f"{digest}.sock")  # noqa: S108 - prepare() checks its owner

    @property
    def url(self) -> str:
        """The URL of the socket."""
        return f"unix://{quote(str(self.socket))}"

    def prepare(self) -> None:
        """
        Make what is missing; others of this machine may not read it, nor may git take it in.

        Raises:
            StoreUnavailable: A folder cannot be made, or the one for the socket belongs to somebody else.

        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            ignore = self.path / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            if self.socket.parent != self.path:
                self.socket.parent.mkdir(mode=0o700, exist_ok=True)
                _check_private(self.socket.parent)
        except OSError as error:
            raise StoreUnavailable(f"cannot use the folder {self.path}: {error.strerror}", acknowledged=False) from None

    def lock(self) -> int | None:
        """
        Try to take the folder for one server.

        Returns:
            A descriptor that holds the lock until every process that has it is gone or has closed it; None when another
            server has the folder.

        Raises:
            StoreUnavailable: The lock file cannot be opened.

        """
        import fcntl  # noqa: PLC0415 - Windows has no such module, nor an embedded server

        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"cannot lock the folder {self.path}: {error.strerror}", acknowledged=False
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor


def _check_private(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StoreUnavailable(
            f"the folder {folder} is not private to this user: remove it, or use a shorter working directory",
            acknowledged=False,
        )
