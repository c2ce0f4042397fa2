"""What the demo prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from catalogue import CHECKOUT, Example
from invoking import Answer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_USUAL_PORT = 8700
_PIPE_WIDTH = 130
_NEXT = """\
Functions are served at {url}. Next, from another terminal in {checkout}:

  curl -d '{{"name": "Grace"}}' {url}/2015-03-31/functions/greet/invocations

  .venv/bin/funclet invoke greet --payload '{{"name": "Grace"}}' --tail{flag}

  export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo AWS_DEFAULT_REGION=us-east-1
  echo '{{"name": "Grace"}}' | aws --endpoint-url {url} lambda invoke \\
      --function-name hello:live --payload fileb:///dev/stdin /dev/stdout

  python3 - <<END
  import boto3
  client = boto3.client("lambda", endpoint_url="{url}", region_name="us-east-1",
                        aws_access_key_id="demo", aws_secret_access_key="demo")
  print(client.invoke(FunctionName="hello:live", Payload='{{"name": "Grace"}}')["Payload"].read())
  END

Change examples/greet.yaml and call greet again; greet:live stays as it was. Ctrl-C ends it all.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An example that ran, with its answers in order: the first is the cold one."""

    example: Example
    answers: Sequence[Answer]


def make_console() -> Console:
    """Take standard output as wide as the terminal, or wide enough for the table in a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def show_table(console: Console, rows: Sequence[Row]) -> None:
    """One line for each example."""
    table = Table(title="Functions behind the Lambda Invoke API", title_justify="left")
    for heading in ("function", "what went in", "what came out"):
        table.add_column(heading, overflow="fold")
    for heading in ("cold ms", "warm ms", "billed ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        cold, *warm = row.answers
        table.add_row(
            row.example.function,
            Text(row.example.went_in()),
            Text(row.example.came_out(row.answers)),
            f"{cold.milliseconds:.0f}",
            f"{median(answer.milliseconds for answer in warm):.1f}",
            f"{median(answer.billed for answer in warm):.0f}",
        )
    console.print()
    console.print(table)
    console.print(
        "cold, warm: from request to answer, as the caller sees it. billed: of the warm call.", style="dim"
    )


def show_left_out(console: Console, left_out: Sequence[tuple[Example, str]]) -> None:
    """Say of each example that could not run here why, and how to get what it needs."""
    for example, why in left_out:
        console.print(f"{example.function} was left out: {why}", style="yellow", markup=False)


def show_next_steps(console: Console, port: int) -> None:
    """Commands to try while it serves, as they can be pasted."""
    url = f"http://127.0.0.1:{port}"
    flag = "" if port == _USUAL_PORT else f" --url {url}"
    text = _NEXT.format(url=url, checkout=CHECKOUT, flag=flag)
    console.print()
    console.print(text, markup=False, soft_wrap=True)
