"""Ask a gateway for its health, and call a function if an address of one is given: run by `helm test`."""  # noqa: INP001 -- a program of its own

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TOKEN = Path("/etc/funclet/keys/api.token")
SECONDS = 60.0


def asked(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Send one request, with the token where there is one; status and body of the answer."""
    headers = {"authorization": f"Bearer {TOKEN.read_text().strip()}"} if body and TOKEN.exists() else {}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 -- the chart makes the address
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 -- as above
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def healthy(url: str, deadline: float) -> bool:
    """Ask until the answer is 200 or the deadline (monotonic) is over."""
    while True:
        try:
            if asked(url)[0] == 200:  # noqa: PLR2004 -- HTTP's own number
                return True
        except OSError as failure:
            print(f"{url}: {failure}")  # noqa: T201 -- the log of the test
        if time.monotonic() > deadline:
            return False
        time.sleep(1)


def main(health: str, *functions: str) -> int:
    """Ask, call, and say how it went; returns the exit status."""
    if not healthy(health, time.monotonic() + SECONDS):
        print(f"{health}: not healthy after {SECONDS:g} s")  # noqa: T201 -- as above
        return 1
    print(f"{health}: healthy")  # noqa: T201 -- as above
    for url in functions:
        status, body = asked(url, b"{}")
        print(f"{url}: {status} {body[:1000]!r}")  # noqa: T201 -- as above
        if status != 200:  # noqa: PLR2004 -- as above
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
