"""What the tests on a cluster share: the cluster, the release in it, a namespace, and the ledger's reports."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import pytest

from cluster import providers
from cluster.current import Current
from cluster.errors import CannotRun, ClusterError
from ledger.collector import collecting
from proof import Proof
from release import release
from release.namespace import own_namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cluster.provider import Provider
    from ledger.report import Report
    from release.release import Release

NO_CLUSTER = 3
REPORTS = pytest.StashKey[list["Report"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults", "Tests that inject faults")
    group.addoption(
        "--share",
        type=float,
        default=1.0,
        help="share of the faults to inject, such as 0.1 (at least one each)",
    )
    group.addoption("--as-installed", action="store_true", help="use the release that is there, as it is")
    group.addoption("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of all chance")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORTS] = []
    # Ctrl-C must reach the commands that tests start: whoever runs tests in the background has it ignored.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if reports := config.stash[REPORTS]:
        terminalreporter.section("ledger")
        for report in reports:
            terminalreporter.write_line(str(report))


@pytest.fixture(scope="session")
def provider() -> Provider:
    """A cluster that runs; without one nothing here can be shown, which is no success."""
    try:
        chosen = providers.choose(providers.default(), print)
        chosen.kubectl("get", "nodes")
    except (CannotRun, ClusterError) as lack:
        pytest.exit(f"no cluster: {lack}", NO_CLUSTER)
    return chosen


@pytest.fixture(scope="session")
def funclet(provider: Provider, pytestconfig: pytest.Config) -> Release:
    """Funclet, installed or upgraded to the images that were built; it stays. A cluster of yours is taken as it is."""
    as_installed = pytestconfig.getoption("as_installed") or isinstance(provider, Current)
    try:
        return release.find(provider) if as_installed else release.install(provider)
    except CannotRun as lack:
        pytest.exit(str(lack), NO_CLUSTER)


@pytest.fixture
def namespace(funclet: Release) -> Iterator[str]:
    """A namespace of its own, which enforces `restricted`."""
    with own_namespace(funclet.kubectl) as name:
        yield name


@pytest.fixture
def times(pytestconfig: pytest.Config) -> Callable[[int], int]:
    """How many faults to inject where this many are wanted."""
    share: float = pytestconfig.getoption("share")
    return lambda wanted: max(1, round(wanted * share))


@pytest.fixture
def proof(funclet: Release, namespace: str, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Proof]:
    """The ledger on this release, in a namespace of its own."""
    with collecting(tmp_path, funclet.collector_host) as collector:
        reports = pytestconfig.stash[REPORTS]
        yield Proof(funclet, namespace, collector, pytestconfig.getoption("seed"), reports)
