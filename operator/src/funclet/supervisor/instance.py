"""The instance: one event at a time from the gateways to the runtime process and back, whatever happens to it."""

from __future__ import annotations

from time import monotonic, time

from funclet.supervisor import outcome
from funclet.supervisor.drain import Drain
from funclet.supervisor.fence import Fence
from funclet.supervisor.invocation import Invocation, Phase, Result
from funclet.supervisor.log_lines import timestamp
from funclet.supervisor.loop import NEVER
from funclet.supervisor.outcome import Fault
from funclet.supervisor.process import SpawnError, reap
from funclet.supervisor.runtime import Runtime
from funclet.supervisor.runtime_answer import event_for, outcome_of
from funclet.supervisor.runtime_api import INVALID_ID, forbidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from funclet.supervisor.code import Code
    from funclet.supervisor.invocation import Call
    from funclet.supervisor.log import Log
    from funclet.supervisor.loop import Loop
    from funclet.supervisor.runtime_api import RuntimeConnection
    from funclet.supervisor.settings import Settings
    from funclet.supervisor.wire import Body, Head

#: how often memory is looked at, in seconds, while an event runs and while none does
_BUSY_WATCH, _IDLE_WATCH = 0.05, 1.0
#: a caller is told this long after the end, even if a process has not yet gone
_PATIENCE = 0.5
#: how long a runtime may take to exit after it said that it cannot start, or after it broke off an answer
_GRACE = 0.2
#: how often and how long the last things are waited for: processes to go, answers to be taken
_LAST_LOOK, _LAST_PATIENCE = 0.005, 5.0
_INIT_TRIES = 2
_EXIT_AFTER_INIT_ERROR = 3


class Instance:
    """What a supervisor is for. All methods return at once; the loop brings what comes next."""

    def __init__(self, loop: Loop, settings: Settings, log: Log, boot: str) -> None:
        self._loop = loop
        self._settings = settings
        self._log = log
        self.boot = boot
        self.revision = settings.revision.encode()
        self._fence = Fence()
        self._drain = Drain(settings.quiet)
        self._runtime: Runtime | None = None
        self._waiter: RuntimeConnection | None = None
        #: the token of a call whose event is on its way
        self._reserved: bytes | None = None
        self._invocation: Invocation | None = None
        self._last_id = b""
        self._init_tries = 0
        self._init_fault: Fault | None = None
        self._watch_at = NEVER
        self._exit_status: int | None = None
        #: set by whoever wires this: closes the connection on which a call's event still arrives
        self.abandon: Callable[[bytes], None] = lambda _token: None
        #: the same: whether an answer is still on its way to a gateway
        self.sending: Callable[[], bool] = lambda: False
        #: the same: code that has to be there before a runtime process starts
        self.code: Code | None = None
        loop.on_deadline = self._tick

    # What gateways ask

    @property
    def ready(self) -> bool:
        """Whether the runtime has asked for its first event."""
        runtime = self._runtime
        return runtime is not None and runtime.ready and not runtime.ending

    @property
    def init_error(self) -> bytes | None:
        """Lambda's payload, once init has failed and is not tried again unless an event comes."""
        fault = self._init_fault
        return fault.body if fault is not None and self._runtime is None else None

    @property
    def refusing(self) -> bool:
        """Whether new work is refused."""
        return self._drain.refusing

    def admit(self, revision: bytes, token: bytes) -> str | None:
        """Why a call is not started; None reserves the instance for it."""
        if revision != self.revision:
            return "revision"
        if self._drain.refusing:
            return "draining"
        if self._reserved is not None or self._invocation is not None:
            return "busy"
        if not self._fence.admit(token, self._loop.now):
            return "refused"
        self._reserved = token
        return None

    def withdraw(self, token: bytes) -> None:
        """Give a reservation back: the event never came."""
        self._fence.withdraw(token, self._loop.now)
        self._reserved = None
        self._end_if_drained()

    def fence(self, token: bytes) -> str:
        """Whether a call has started; if it has not, it never will."""
        if self._reserved == token:
            self.abandon(token)
        invocation = self._invocation
        if invocation is not None and invocation.call.token == token and invocation.phase is Phase.WAITING:
            self._take_back(invocation)
        return self._fence.ask(token, self._loop.now)

    def _take_back(self, invocation: Invocation) -> None:
        """Give up an event that the runtime has not seen; init goes on."""
        self._invocation = None
        self._fence.withdraw(invocation.call.token, self._loop.now)
        if invocation.call.refuse is not None:
            invocation.call.refuse()
        self._end_if_drained()

    def retire(self) -> None:
        """Refuse new work from now on."""
        self._drain.retire()

    def submit(self, call: Call) -> None:
        """Run a call that was admitted."""
        self._reserved = None
        self._invocation = Invocation(call, self._settings.timeout)
        if call.tail:
            self._log.keep_tail()
        if self._waiter is not None:
            self._hand_over(self._invocation)
        elif self._runtime is None:
            self._start_again()
        elif self._runtime.ready and not self._runtime.ending:
            self._invocation.wait_for_runtime(monotonic())
            self._arm(_BUSY_WATCH)

    # What the runtime process asks

    def next_asked(self, waiter: RuntimeConnection) -> bytes | None:
        """The runtime wants an event."""
        runtime, invocation = self._runtime, self._invocation
        if runtime is None or runtime.ending or self._init_fault is not None:
            return forbidden("Ending", "Ready")
        if invocation is not None and invocation.phase in {Phase.RUNNING, Phase.ANSWERING}:
            return forbidden("Running", "Ready")
        if self._waiter is not None and self._waiter.open:
            return forbidden("Ready", "Ready")
        if not runtime.ready:
            runtime.became_ready()
            self._init_tries = 0
        self._waiter = waiter
        if invocation is not None and invocation.phase is Phase.WAITING:
            self._hand_over(invocation)
        return None

    def answer_begins(self, request_id: bytes) -> bytes | None:
        """An answer to this invocation begins to arrive."""
        if request_id != self._last_id:
            return INVALID_ID
        if self._invocation is None or not self._invocation.begin_answer():
            return forbidden("Ready", "InvocationResponse")
        return None

    def answer_broke(self) -> None:
        """The answer will never be whole; if the process ended, its end says more."""
        invocation, runtime = self._invocation, self._runtime

        def tell() -> None:
            if (
                invocation is not None
                and (invocation, runtime) == (self._invocation, self._runtime)
                and invocation.phase is Phase.ANSWERING
            ):
                self._end_with(Fault("Runtime.TruncatedResponse", "Response was truncated"))

        self._loop.call_later(_GRACE, tell)

    def answered(self, verb: bytes, head: Head, body: Body) -> None:
        """The answer is whole, or longer than allowed."""
        invocation = self._invocation
        if invocation is not None and invocation.end(outcome_of(verb, head, body), monotonic()):
            self._log.read(2)
            self._settle()

    def init_error_begins(self) -> bytes | None:
        """The runtime is about to say that it cannot start."""
        runtime = self._runtime
        if runtime is None or runtime.ready or runtime.giving_up or self._init_fault is not None:
            return forbidden("Ready", "InitError")
        runtime.giving_up = True
        return None

    def init_error_broke(self) -> None:
        """It was not said whole: it may be said again, and the end of the process says more."""
        if self._runtime is not None:
            self._runtime.giving_up = False

    def init_failed(self, head: Head, body: Body) -> None:
        """It has said why; it exits by itself, or is ended."""
        error_type = head.headers.get(b"lambda-runtime-function-error-type", b"").decode("latin-1")
        fault = self._init_fault = outcome.init_error(body.data, error_type)

        def end() -> None:
            if self._init_fault is fault:
                self._fail_init(fault)

        self._loop.call_later(_GRACE, end)

    # What happens to the process

    def start(self) -> None:
        """Start a runtime process, unless there is one."""
        if self._runtime is not None or self._exit_status is not None:
            return
        if self.code is not None and not self.code.there:
            self.code.fetch(self._code_came)
            return
        if self._invocation is not None:
            self._invocation.wait_for_init()
        self._waiter = None
        self._init_fault = None
        self._init_tries += 1
        try:
            self._runtime = Runtime(self._loop, self._settings, self._log, self, self._gone)
        except SpawnError as error:
            self._log.init_report(0, "error", error.fault.error_type)
            self._init_fault = error.fault
            self._start_again()
            return
        if self.code is not None:
            self.code.runs()
        self._arm(_BUSY_WATCH)

    def _code_came(self, fault: Fault | None) -> None:
        """The code is there, or will not come: it was tried often enough."""
        if fault is None:
            self.start()
            return
        self._log.init_report(0, "error", fault.error_type)
        self._log.platform(f"{fault.error_type}: {fault.message}")
        self._init_fault, self._init_tries = fault, _INIT_TRIES
        self._start_again()

    def children_ended(self) -> None:
        """Collect whoever has ended, the runtime process perhaps among them."""
        ended, _ = reap()
        runtime = self._runtime
        if runtime is None or runtime.ending:
            return
        for pid, status in ended:
            if pid == runtime.pid:
                runtime.api.pump()
                self._exited(runtime, outcome.exited(status))

    def _exited(self, runtime: Runtime, fault: Fault) -> None:
        invocation = self._invocation
        if not runtime.ready:
            self._fail_init(self._init_fault or fault)
        elif invocation is not None and invocation.started:
            self._end_with(fault)
        else:
            runtime.end()

    def _fail_init(self, fault: Fault) -> None:
        runtime = self._runtime
        if runtime is not None and not runtime.ending:
            self._init_fault = fault
            self._log.read(2)
            self._log.init_report(runtime.age_us(), fault.status, fault.error_type)
            runtime.end()

    def _end_with(self, fault: Fault) -> None:
        """End all processes, then tell the caller."""
        invocation, runtime = self._invocation, self._runtime
        if invocation is None or runtime is None:
            return
        request_id = invocation.call.request_id
        line = ""
        if fault.status == "timeout":
            line = f"{timestamp(time())} {request_id} {fault.message}\n"
        if invocation.end(fault.told_to(request_id, line), monotonic()):
            self._loop.call_later(_PATIENCE, lambda: self._settle_late(invocation))
            runtime.end()

    def _settle_late(self, invocation: Invocation) -> None:
        if invocation is self._invocation:
            self._settle()

    def _gone(self) -> None:
        """No process is left of the runtime that was ended."""
        runtime, self._runtime, self._waiter = self._runtime, None, None
        invocation = self._invocation
        if invocation is not None and invocation.phase is Phase.ENDING:
            self._settle(runtime)
        self._end_if_drained()
        # A process that ends without having run anything would only do so again.
        if self._invocation is not None or self._init_fault is not None:
            self._start_again()
        elif runtime is not None and runtime.served and not self._drain.ending:
            self.start()

    def _start_again(self) -> None:
        """Start, unless init has failed often enough: then the event that waits, or the next one, is told so."""
        fault, invocation = self._init_fault, self._invocation
        if fault is None or self._may_try_again(fault):
            self.start()
        elif invocation is not None:
            self._drain.retire()
            invocation.end(fault.told_to(invocation.call.request_id).in_init(), monotonic())
            self._settle()
            self._leave(_EXIT_AFTER_INIT_ERROR)

    def _may_try_again(self, fault: Fault) -> bool:
        if self._init_tries >= _INIT_TRIES:
            return False
        # Whoever asks whether this instance gets ready is not kept waiting for another whole limit in vain.
        return self._invocation is not None or not (fault.status == "timeout" or self._drain.refusing)

    # The event itself

    def _hand_over(self, invocation: Invocation) -> None:
        waiter, self._waiter, runtime = self._waiter, None, self._runtime
        if waiter is None or runtime is None:
            return
        call = invocation.call
        deadline_ms = int((time() + invocation.timeout) * 1000)
        self._last_id = call.request_id.encode()
        invocation.hand_over(monotonic())
        if waiter.deliver(event_for(call, deadline_ms)):
            runtime.served += 1
            self._log.start(call.request_id)
            self._arm(_BUSY_WATCH)
        else:
            invocation.take_back()
            invocation.wait_for_runtime(monotonic())
            self._arm(_BUSY_WATCH)

    def _settle(self, runtime: Runtime | None = None) -> None:
        """Tell the log and the caller."""
        invocation = self._invocation
        if invocation is None or invocation.outcome is None or not invocation.settle():
            return
        runtime = runtime or self._runtime
        self._invocation = None
        init_us, peak = None, 0
        if runtime is not None:
            runtime.memory.sample_if_due(invocation.ended_at)
            peak = runtime.memory.peak
            init_us, runtime.init_us = runtime.init_us, None
        if not invocation.started:
            self._log.start(invocation.call.request_id)
        result = Result(invocation.outcome, invocation.duration_us(), init_us, -(-peak >> 20))
        self._log.end(invocation.call.request_id, result)
        if invocation.call.reply is not None:
            invocation.call.reply(result)
        self._log.write()
        self._end_if_drained()

    # Time

    def _arm(self, watch: float) -> None:
        """Have `_tick` called when something is due."""
        now = monotonic()
        due = self._watch_at = min(self._watch_at, now + watch)
        invocation, runtime = self._invocation, self._runtime
        if invocation is not None and invocation.deadline is not None:
            due = min(due, invocation.deadline)
        if runtime is not None and not runtime.ready:
            due = min(due, runtime.started_at + self._settings.init_timeout)
        self._loop.deadline = due

    def _tick(self, now: float) -> None:
        runtime, invocation = self._runtime, self._invocation
        self._log.write()
        if runtime is None or runtime.ending:
            self._watch_at = NEVER
            return
        if not runtime.ready and now >= runtime.started_at + self._settings.init_timeout:
            self._fail_init(outcome.init_timed_out(self._settings.init_timeout))
        elif invocation is not None and invocation.deadline is not None and now >= invocation.deadline:
            self._end_with(outcome.timed_out(invocation.timeout))
        elif now >= self._watch_at:
            self._watch_at = NEVER
            self._watch_memory(runtime)
        self._arm(_IDLE_WATCH if runtime.ready and self._invocation is None else _BUSY_WATCH)

    def _watch_memory(self, runtime: Runtime) -> None:
        used = runtime.survey(self._settings.memory)
        if used <= self._settings.memory:
            return
        fault = outcome.out_of_memory(self._settings.memory, used)
        if not runtime.ready:
            self._fail_init(fault)
        elif self._invocation is not None and self._invocation.started:
            self._end_with(fault)
        else:
            self._log.platform(f"{fault.error_type}: {fault.message}")
            runtime.end()

    # The end

    def drain(self) -> None:
        """Refuse, finish what runs, end everything. A second call changes nothing."""
        if self._drain.begin(monotonic()):
            self._loop.call_later(self._settings.quiet, self._end_if_drained)

    def end_now(self) -> None:
        """End everything without waiting for anything: whoever would read the answers is gone."""
        self._drain.retire()
        self._leave(1)

    def _end_if_drained(self) -> None:
        if self._exit_status is None and self._drain.over(
            monotonic(), working=self._reserved is not None or self._invocation is not None
        ):
            # Whoever finds the end of this container is told why it was of no use.
            self._leave(_EXIT_AFTER_INIT_ERROR if self.init_error is not None else 0)

    def _leave(self, status: int) -> None:
        if self._exit_status is None:
            self._exit_status = status
        if self._runtime is not None:
            self._runtime.end()
        self._leave_when_done(monotonic() + _LAST_PATIENCE)

    def _leave_when_done(self, latest: float) -> None:
        busy = self._runtime is not None or self.sending()
        if busy and monotonic() < latest:
            self._loop.call_later(_LAST_LOOK, lambda: self._leave_when_done(latest))
        elif self._exit_status is not None:
            self._loop.stop(self._exit_status)
