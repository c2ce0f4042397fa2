"""The lines that the platform writes into a function's log, as Lambda words them. Pure."""

from __future__ import annotations

import time

from funclet.supervisor.outcome import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from funclet.supervisor.invocation import Result
    from funclet.supervisor.settings import Settings


def timestamp(now: float) -> str:
    """Format seconds since the epoch as RFC 3339 in UTC, with milliseconds."""
    seconds = int(now)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int((now - seconds) * 1000):03d}Z"


class TextLines:
    """LogFormat Text: the function's bytes pass as they are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def init_start(self, _now: float) -> bytes:
        """Tell that a runtime process starts."""
        settings = self._settings
        return (
            f"INIT_START Runtime Version: {settings.runtime_name}\t"
            f"Runtime Version ARN: {settings.runtime_digest}\n"
        ).encode()

    def init_report(self, _now: float, init_us: int, status: str, error_type: str) -> bytes:
        """Tell that it could not."""
        return (
            f"INIT_REPORT Init Duration: {init_us / 1000:.2f} ms\tPhase: init\t{_told(status, error_type)}\n"
        ).encode()

    def start(self, _now: float, request_id: str) -> bytes:
        """Tell that an invocation starts."""
        return f"START RequestId: {request_id} Version: {self._settings.version}\n".encode()

    def end(self, _now: float, request_id: str, result: Result) -> bytes:
        """Tell how an invocation ended, and what is metered of it."""
        cold = "" if result.init_us is None else f"Init Duration: {result.init_us / 1000:.2f} ms\t"
        status = _told(result.outcome.status, result.outcome.error_type)
        return (
            f"END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {result.duration_us / 1000:.2f} ms\t"
            f"Billed Duration: {result.billed_ms} ms\tMemory Size: {self._settings.memory_mb} MB\t"
            f"Max Memory Used: {result.memory_mb} MB\t{cold}{status}\n"
        ).encode()

    def platform(self, _now: float, text: str) -> bytes:
        """Tell something else."""
        return f"{text}\n".encode()

    def dropped(self, _now: float, lines: int, size: int) -> bytes:
        """Tell that the function wrote more than the log takes."""
        return f"[funclet] log truncated: {lines} lines ({size} bytes) dropped\n".encode()

    def function(self, _now: float, lines: bytes) -> bytes:
        """Pass on whole lines of the function."""
        return lines


class JsonLines:
    """LogFormat JSON: one object a line, whose `type` tells who speaks; a function cannot choose it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def init_start(self, now: float) -> bytes:
        """As TextLines.init_start."""
        settings = self._settings
        return _platform(
            now,
            "initStart",
            f'"initializationType":"on-demand","phase":"init","runtimeVersion":{quote(settings.runtime_name)},'
            f'"runtimeVersionArn":{quote(settings.runtime_digest)},"functionName":{quote(settings.function_name)},'
            f'"functionVersion":{quote(settings.version)}',
        )

    def init_report(self, now: float, init_us: int, status: str, error_type: str) -> bytes:
        """As TextLines.init_report."""
        return _platform(
            now,
            "initReport",
            f'"initializationType":"on-demand","phase":"init","status":{quote(status)},'
            f'"errorType":{quote(error_type)},"metrics":{{"durationMs":{init_us / 1000:.3f}}}',
        )

    def start(self, now: float, request_id: str) -> bytes:
        """As TextLines.start."""
        return _platform(
            now, "start", f'"requestId":{quote(request_id)},"version":{quote(self._settings.version)}'
        )

    def end(self, now: float, request_id: str, result: Result) -> bytes:
        """As TextLines.end."""
        cold = "" if result.init_us is None else f',"initDurationMs":{result.init_us / 1000:.3f}'
        error_type = result.outcome.error_type
        kind = f',"errorType":{quote(error_type)}' if error_type else ""
        return _platform(
            now,
            "report",
            f'"requestId":{quote(request_id)},"metrics":{{"durationMs":{result.duration_us / 1000:.3f},'
            f'"billedDurationMs":{result.billed_ms},"memorySizeMB":{self._settings.memory_mb},'
            f'"maxMemoryUsedMB":{result.memory_mb}{cold}}},"status":{quote(result.outcome.status)}{kind}',
        )

    def platform(self, now: float, text: str) -> bytes:
        """As TextLines.platform."""
        return _platform(now, "fault", f'"message":{quote(text)}')

    def dropped(self, now: float, lines: int, size: int) -> bytes:
        """As TextLines.dropped."""
        return _platform(
            now, "logsDropped", f'"droppedRecords":{lines},"droppedBytes":{size},"reason":"log truncated"'
        )

    def function(self, now: float, lines: bytes) -> bytes:
        """As TextLines.function: each line becomes a string, whatever is in it."""
        head = f'{{"time":"{timestamp(now)}","type":"function","record":'
        return "".join(
            f"{head}{quote(line.decode('utf-8', 'replace'))}}}\n" for line in lines[:-1].split(b"\n")
        ).encode()


def _told(status: str, error_type: str) -> str:
    """Name an end that is not the handler's own, as Lambda does at the end of REPORT."""
    if status == "timeout":
        return "Status: timeout"
    return f"Status: error\tError Type: {error_type}" if error_type else ""


def _platform(now: float, event: str, record: str) -> bytes:
    return f'{{"time":"{timestamp(now)}","type":"platform.{event}","record":{{{record}}}}}\n'.encode()
