"""The command as a real process, and a stand-in for the Lambda API that it calls."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

FUNCTION_ERROR = (
    b'{"errorMessage": "division by zero", "errorType": "ZeroDivisionError", "stackTrace": ["  app.py"]}'
)


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Command:
    """`funclet` in a folder, with an environment that has nothing of the caller's but the path."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "funclet.cli",
            *arguments,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", **self.env},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        process = await self.start(*arguments)
        async with asyncio.timeout(30):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        assert "Traceback" not in err.decode()
        return Ran(process.returncode, out.decode(), err.decode())


@dataclass
class LambdaStandIn:
    """What a function of some name answers; the requests that came are kept."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    #: of which one must come with each request; None: nobody is asked
    known_tokens: set[str] | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.raw_path)
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        return self._refusal(request) or await self._answer(request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"].rpartition("function:")[2].partition(":")[0]
        headers = {"x-amzn-RequestId": "an-id", "X-Amz-Executed-Version": "3"}
        if request.headers["X-Amz-Log-Type"] == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(b"START\nhello from the log\nEND\n").decode()
        match name:
            case "fails":
                headers["X-Amz-Function-Error"] = "Unhandled"
                return web.Response(body=FUNCTION_ERROR, headers=headers)
            case "missing":
                return _error(404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:x")
            case "busy":
                return _error(429, "TooManyRequestsException", "Rate Exceeded.")
            case "strange":
                return web.Response(status=502, text="<html>proxy</html>")
            case "slow":
                await asyncio.sleep(60)
            case "breaks":
                assert request.transport is not None
                request.transport.abort()
            case "binary":
                return web.Response(body=b"\x00\xff", headers=headers)
            case _:
                pass
        return web.Response(body=self.bodies[-1] or b"{}", headers=headers)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.known_tokens is None:
            return None
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = bearer or request.headers.get("X-Amz-Security-Token")
        if not token:
            return _error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        if token in self.known_tokens:
            return None
        return _error(403, "UnrecognizedClientException", "The security token is invalid.")


def _error(status: int, code: str, message: str) -> web.Response:
    return web.Response(
        status=status,
        text=json.dumps({"Type": "User", "message": message}),
        headers={"x-amzn-ErrorType": code, "x-amzn-RequestId": "an-id"},
    )


@asynccontextmanager
async def lambda_stand_in() -> AsyncIterator[LambdaStandIn]:
    """The stand-in on a loopback port, until the end of the block."""
    standing = LambdaStandIn()
    app = web.Application(client_max_size=8 << 20)
    app.router.add_post("/2015-03-31/functions/{name}/invocations", standing.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    standing.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield standing
    finally:
        await runner.cleanup()


def manifest(*objects: Any) -> str:
    """Objects as one YAML stream; JSON is YAML."""
    return "".join(f"---\n{json.dumps(each)}\n" for each in objects)
