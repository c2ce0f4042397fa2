"""`make demo`: run every example behind `funclet local`, show what each did, and go on serving on a terminal."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from signal import SIGINT

from catalogue import CATALOGUE, EXAMPLES, Example, encode
from invoking import DemoError, LambdaClient
from rich.console import Console
from serving import Interrupted, LocalMode, Signals
from showing import Row, make_console, show_left_out, show_next_steps, show_table


def main() -> int:
    """Run the demo; the exit status is 0 when every example that can run here ran."""
    signals = Signals()
    console = make_console()
    try:
        with tempfile.TemporaryDirectory(prefix="funclet-demo-") as scratch:
            demonstrate(console, signals, Path(scratch))
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)  # noqa: T201  # the reason, where errors go
        return 1
    except Interrupted as interrupted:
        return 128 + interrupted.number
    finally:
        signals.ignore()
    return 0


def demonstrate(console: Console, signals: Signals, scratch: Path) -> None:
    """Serve, call, show. Raises DemoError, Interrupted."""
    left_out = [(example, why) for example in CATALOGUE if (why := example.missing())]
    chosen = [example for example in CATALOGUE if not example.missing()]
    with LocalMode([EXAMPLES / example.manifests for example in chosen], scratch, signals) as local:
        with progress(console, f"funclet local starts on port {local.port}"):
            local.wait_until_ready()
        with closing(LambdaClient(local.port)) as client:
            rows = [run(console, client, example) for example in chosen]
        show_table(console, rows)
        show_left_out(console, left_out)
        if console.is_terminal:
            show_next_steps(console, local.port)
            serve(console, local)


def run(console: Console, client: LambdaClient, example: Example) -> Row:
    """Call one example as often as its row wants. Raises DemoError."""
    payload = encode(example.event())
    with progress(console, f"{example.function}: {example.calls} calls"):
        client.wait_until_known(example.function)
        return Row(example, [client.invoke(example.function, payload) for _ in range(example.calls)])


@contextmanager
def progress(console: Console, what: str) -> Iterator[None]:
    """Say what goes on, with a spinner on a terminal, and at the end how long it took."""
    started = time.monotonic()
    with console.status(f"{what} …"):
        yield
    console.print(f"{what}: {time.monotonic() - started:.1f} s", style="dim", markup=False)


def serve(console: Console, local: LocalMode) -> None:
    """Show the log until Ctrl-C. Raises DemoError if local mode ends by itself."""
    local.new_lines()  # the demo's own calls
    try:
        while True:
            local.check()
            for line in local.new_lines():
                console.print(line, style="dim", markup=False, soft_wrap=True)
            time.sleep(0.1)
    except Interrupted as interrupted:
        if interrupted.number != SIGINT:
            raise
        console.print("Ending.")


if __name__ == "__main__":
    sys.exit(main())
