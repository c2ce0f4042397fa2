"""What tests of the chart share."""

from collections.abc import Iterator

import pytest

from cluster.errors import CannotRun
from support.chart_cluster import Cluster, installed


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    try:
        with installed() as started:
            yield started
    except CannotRun as lack:
        pytest.skip(str(lack))
