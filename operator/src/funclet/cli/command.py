"""The command line as a whole: which verbs there are, and how every end of them becomes an exit code."""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from funclet.cli.errors import EXIT_CODES, CliError, Exit

#: told here, so that the list of verbs needs none of them
_VERBS = {
    "local": "Run functions on this machine, from manifests.",
    "invoke": f"Call a function and print its answer.\n\n{EXIT_CODES}",
    "apply": "Create or change what manifests describe.",
    "get": "Show functions, versions and aliases.",
    "describe": "Tell how a function, version or alias fares, and why.",
    "delete": "Delete functions, versions or aliases.",
    "publish": "Make a version of what a function is now, and print its number.",
    "logs": "Show what a function wrote.",
    "operator": "Run the operator, as the chart does.",
    "gateway": "Run a gateway, as the chart does.",
    "version": "Show the version of this command and of its Python.",
}
_ABOUT = f"""Lambda-style functions on Kubernetes and on a laptop.

{EXIT_CODES}"""


def run(arguments: Sequence[str]) -> int:
    """Run one command line, given without the program's name, and return the exit code."""
    debug = arguments[:1] == ["--debug"]
    try:
        return _finish(_parse_and_run(arguments[1:] if debug else arguments))
    except CycloptsError as error:
        return _tell(f"{error}\nSee `funclet {_verb(arguments)}--help`.", Exit.USAGE)
    except CliError as error:
        return _tell(str(error), error.status)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; the flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:
        if debug:
            raise
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        hint = f"This is a defect in funclet; `funclet --debug {_verb(arguments)}…` shows where."
        return _tell(f"{what}. {hint}", Exit.INTERNAL)


def _parse_and_run(arguments: Sequence[str]) -> object:
    app = _app()
    if not arguments:
        app.help_print([])
        return Exit.USAGE
    return app(arguments, exit_on_error=False, print_error=False, result_action="return_value")


def _app() -> App:
    """The verbs, each imported only when it is the one that runs."""
    app = App(
        name="funclet",
        help=_ABOUT,
        help_format="plaintext",
        help_formatter="default" if sys.stdout.isatty() else "plain",
        version_flags=[],
        suppress_keyboard_interrupt=False,
    )
    for verb, about in _VERBS.items():
        app.command(f"funclet.cli.verbs.{verb}:{verb}", name=verb, help=about)
    return app


def _finish(result: object) -> int:
    sys.stdout.flush()
    return result if isinstance(result, int) else Exit.OK


def _verb(arguments: Sequence[str]) -> str:
    verb = next((word for word in arguments if not word.startswith("-")), "")
    return f"{verb} " if verb in _VERBS else ""


def _tell(message: str, status: Exit) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"{message}\n")
    return status
