"""Errors of the framework; each class's docstring is its default sentence."""


class BatchError(Exception):
    """The batch could not be worked on."""

    def __init__(self, message: str | None = None, **details: object) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.details = details
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class Refused(BatchError):
    """This cannot be done with the batch as it is now."""


class Forbidden(Refused):
    """You have no permission to do this."""


class StaleEdit(Refused):
    """The row was changed since you opened it; look at it again and repeat your change."""


class FileRefused(BatchError):
    """The file cannot be read."""


class LeaseLost(BatchError):
    """Another worker has taken this run over; nothing of this attempt was written."""


class Interrupted(BatchError):
    """The connection to the database was lost; nothing was written. A worker carries on with this run by itself."""


class Stopped(BatchError):
    """The run was stopped by a person; nothing was written."""


class Paused(BatchError):
    """The run rests; what it has written stays, and it goes on where it was when somebody says so."""


class NotSent(BatchError):
    """The target could not be reached; it is tried again later."""


class Rejected(BatchError):
    """The target will never take this, however often it is tried."""


class RunFailed(BatchError):
    """The run failed; nothing was written."""


class UnknownType(BatchError):
    """No batch type of that name is registered."""


class UnknownBatch(BatchError):
    """There is no batch of that number."""


class RegistryError(BatchError):
    """A batch type cannot be registered."""
