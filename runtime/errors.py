"""The errors a user or an operator meets, by what the caller does about them."""


class ConfigError(Exception):
    """The user's mistake, found at start: one line naming option and value, exit status 2."""


class UnavailableError(Exception):
    """Something out there does not answer for now: back off and try again, nothing is lost meanwhile.

    `retry_after_s` is what the other side asked for, None if it did not say.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """What does not answer and why."""
        super().__init__(message)
        self.retry_after_s = retry_after_s
