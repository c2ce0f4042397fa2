"""The record of a revision: its pod template, runtime and code as they were when it was first needed.

A ControllerRevision, since the API server lets nobody change its data. A later operator reads it and never
renders the revision anew. Of `$LATEST` it has the code too: that goes on serving while what the Function says by now
does not start, and no cache of a gateway has to outlive the gateway for it.
"""

from collections.abc import Mapping
from typing import Any

from funclet.api.base import Resource
from funclet.plan.owners import owner_reference
from funclet.plan.revision import Revision
from funclet.plan.routes import LATEST


def record_manifest(owner: Resource, revision: Revision, template: Mapping[str, Any]) -> dict[str, Any]:
    """Make the record; `template` is what every pod of the revision is made from."""
    runtime = revision.runtime
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": revision.key,
            "namespace": owner.metadata.namespace,
            "labels": dict(template["metadata"]["labels"]),
            "annotations": dict(template["metadata"]["annotations"]),
            "ownerReferences": [owner_reference(owner, controller=True)],
        },
        "data": {
            "runtime": {"name": runtime.name, "digest": runtime.digest},
            "template": dict(template),
            **_code(revision),
        },
        "revision": 1,
    }


def _code(revision: Revision) -> dict[str, Any]:
    code = revision.settings.code
    if revision.version != LATEST or code.image is not None:
        return {}
    return {"codeSha256": revision.code_sha256, "code": code.model_dump(mode="json", exclude_none=True)}


def recorded_template(record: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """Read the template back; None where the record is not one of this revision."""
    data = record.get("data")
    return checked_template(data.get("template"), key) if isinstance(data, Mapping) else None


def checked_template(template: Any, key: str) -> dict[str, Any] | None:
    """Take a template that was read for one of this revision, or not at all."""
    match template:
        case {
            "metadata": {"labels": {"funclet.dev/revision": str(label)}, "annotations": {}},
            "spec": {"containers": [{}, *_]},
        } if label == key:
            return {**template}
        case _:
            return None
