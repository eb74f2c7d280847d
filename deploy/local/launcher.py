"""Turns into another program that ends with its parent, as another user if asked. Run as a script, never imported.

    launcher.py PARENT_PID SIGNAL ACCOUNT COMMAND...

ACCOUNT is empty or `uid:gid:directory`: the directory is opened first and stays reachable as /proc/self/fd/3, so that
the other user needs no right to walk the folders above it.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
DIRECTORY_FD = 3


def _become(account: str) -> None:
    uid, gid, directory = account.split(":", 2)
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.dup2(opened, DIRECTORY_FD)
    os.set_inheritable(DIRECTORY_FD, True)  # dup2 leaves it as it was when both are the same
    try:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    except OSError as error:
        sys.exit(f"error: root cannot become another user here ({error.strerror}), and PostgreSQL refuses root")
    os.chdir("/")


def _end_with_parent(parent: int, signal_number: int, libc: ctypes.CDLL) -> None:
    if sys.platform != "linux":
        return
    libc.prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:  # it died before we asked to be told
        os._exit(1)


def _main(parent: str, signal_number: str, account: str, *command: str) -> None:
    # Loaded first: as another user we may not even be able to read Python's own modules.
    libc = ctypes.CDLL(None)
    if account:
        _become(account)
    # Changing the user clears the death signal, so it is asked for after that.
    _end_with_parent(int(parent), int(signal_number), libc)
    os.execv(command[0], command)  # noqa: S606 (no shell is meant)


if __name__ == "__main__":
    _main(*sys.argv[1:])
