"""The one exception that means: a person can mend this, and the message says how."""


class UserError(Exception):
    """Wrong input, settings or data.

    The message says what is wrong, where (file, key, column, row) and what would be right. The
    command line prints it without a traceback and exits with `code`: 1 when a check failed, 2 for
    wrong use.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
