"""How the command ends: exit codes, and errors that say what to do next."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; scripts rely on them, and `funclet --help` lists them."""

    OK = 0
    #: the function ran and failed
    FUNCTION_ERROR = 1
    #: the command line, a file or a manifest is wrong; nothing was sent
    USAGE = 2
    #: nothing answers at the address
    UNREACHABLE = 3
    #: there is no such function, version or alias
    NOT_FOUND = 4
    #: throttled, not allowed, or not valid in the eyes of the server
    REFUSED = 5
    #: a defect in this command
    INTERNAL = 70
    INTERRUPTED = 130


EXIT_CODES = """\
Exit codes:
0 done;
1 the function failed;
2 the command line or a manifest is wrong, nothing was sent;
3 nothing answers at the address;
4 not found;
5 throttled or refused;
70 a defect in this command;
130 interrupted."""


class CliError(Exception):
    """The command cannot go on. The message, of one or more lines, says why and what to do next."""

    def __init__(self, message: str, status: Exit) -> None:
        super().__init__(message)
        self.status = status
