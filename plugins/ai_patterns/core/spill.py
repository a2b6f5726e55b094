"""What sessions spill: a folder for each process, which goes with it, also where it was killed."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

_PREFIX = "ai-patterns-spill-"
_LOCK = "lock"


def own_folder(root: Path) -> Path:
    """This process's folder below `root`, closed to other users; the first call also sweeps.

    The process holds a lock on a file in it until it ends, however it ends.

    Raises:
        OSError: the folder cannot be made, or its file system knows no locks.
    """
    folder = _own_folder(root, os.getpid())  # a forked process gets one of its own
    folder.mkdir(mode=0o700, exist_ok=True)  # a machine's own cleaning may have taken it from a process that lives long
    return folder


def sweep(root: Path) -> list[Path]:
    """Remove the folders of processes that are gone, never one of a process that lives; return what was removed."""
    return [folder for folder in sorted(root.glob(f"{_PREFIX}*")) if _remove_abandoned(folder)]


@cache
def _own_folder(root: Path, process: int) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    sweep(root)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        if _lock(folder):
            atexit.register(_leave, folder, process)
            return folder


def _lock(folder: Path) -> bool:
    """Lock the folder for as long as the process lives; False where another one's sweep came first and removes it."""
    file = None
    try:
        file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folder / _LOCK).stat()  # what was locked after its removal is no lock
    except (BlockingIOError, FileNotFoundError):
        if file is not None:
            os.close(file)
        return False
    return True


def _remove_abandoned(folder: Path) -> bool:
    try:
        file = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:  # another user's, or not locked yet
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(file)


def _leave(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
