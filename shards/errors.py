"""The two ways a command can fail; each message is one line: what, where, what to do."""


class LostFoundError(Exception):
    """An error meant for the user: shown as one line, without a traceback."""

    exit_code = 2


class UsageError(LostFoundError):
    """Wrong usage or configuration: nothing was done."""

    exit_code = 2


class WorkError(LostFoundError):
    """The work ran and found defects or failures."""

    exit_code = 1


class StorageError(WorkError):
    """A storage failed, however often it was asked: going on would fail in the same way."""
