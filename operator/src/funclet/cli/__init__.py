"""The command `funclet`."""


def main() -> None:
    """Run the command."""
