"""Publishing a version: ask by annotation, wait for the answer in the status."""

import time
import uuid
from typing import Any

from funclet.cli.cluster import Cluster, Object
from funclet.cli.errors import CliError, Exit
from funclet.cli.finding import find_alias
from funclet.local.rest.kinds import API_VERSION, BY_KIND
from funclet.plan.names import alias_name

#: not the one of `apply`: each of its applies says all that it has to say
MANAGER = "funclet-cli-publish"
#: told again here, because importing them from the planner takes longer than all the rest
REQUEST = "funclet.dev/publish"
DESCRIPTION = "funclet.dev/publish-description"


def publish(cluster: Cluster, function: Object, *, description: str | None, seconds: float) -> str:
    """The number of the version that holds what the function is now. Raises CliError."""
    name = function["metadata"]["name"]
    request = str(uuid.uuid4())
    annotations = {REQUEST: request, **({DESCRIPTION: description} if description is not None else {})}
    metadata = {"name": name, "uid": function["metadata"]["uid"], "annotations": annotations}
    cluster.apply({"apiVersion": API_VERSION, "kind": "Function", "metadata": metadata}, manager=MANAGER)
    return _answer(cluster, name, request, seconds)


def _answer(cluster: Cluster, name: str, request: str, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    seen: Object = {}
    while (left := deadline - time.monotonic()) > 0:
        for seen in cluster.watch(BY_KIND["Function"], name, seconds=left):
            publication = seen.get("status", {}).get("publication") or {}
            if publication.get("request") == request:
                return str(publication["version"])
        seen = cluster.get(BY_KIND["Function"], name)
    raise CliError(
        f"Version not published within {seconds:g} s: {_state(seen)}\n"
        f"Look with `funclet describe {name}`; the request stands, and is done once that is mended.",
        Exit.REFUSED,
    )


def _state(function: Object) -> str:
    conditions = function.get("status", {}).get("conditions", [])
    ready: dict[str, Any] = next((each for each in conditions if each.get("type") == "Ready"), {})
    return f"{ready.get('reason', 'Unknown')}: {ready.get('message', 'nothing looks after the function')}"


def point_alias(cluster: Cluster, function: str, alias: str, version: str) -> None:
    """Make the function's alias lead to the version, all of its traffic, whoever made it. Raises CliError."""
    wanted = {"function": function, "name": alias, "version": version}
    known = find_alias(cluster, function, alias)
    if known is None:
        metadata = {"name": alias_name(function, alias)}
        manifest = {"apiVersion": API_VERSION, "kind": "Alias", "metadata": metadata, "spec": wanted}
        cluster.apply(manifest, manager=MANAGER)
        return
    # An apply that leaves weights out leaves those alone that somebody else applied.
    patch = {"spec": {"version": version, "routingConfig": None}}
    cluster.patch(BY_KIND["Alias"], known["metadata"]["name"], patch, manager=MANAGER)
