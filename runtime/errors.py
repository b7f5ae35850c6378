"""Errors that users and operators see, by what the caller does about them."""


class ConfigError(Exception):
    """Invalid configuration, found at start-up: one line that names the option and its value, exit status 2."""


class UnavailableError(Exception):
    """Another system is temporarily unavailable: retry with back-off, no data is lost.

    `retry_after_s` is the delay in seconds that the other system asked for, None if it did not.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """`message` names the system and the reason."""
        super().__init__(message)
        self.retry_after_s = retry_after_s
