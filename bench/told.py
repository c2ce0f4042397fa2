"""A table of figures, for the terminal and for a document."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

#: characters; a pipe has no width of its own
_PIPE_WIDTH = 150


def console() -> Console:
    """A console that breaks no row of a table that goes into a pipe or a file."""
    made = Console()
    if not made.is_terminal:
        made.width = _PIPE_WIDTH
    return made


def show(to: Console, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    to.print(table)


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write the same table as lines of Markdown."""
    return [
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
