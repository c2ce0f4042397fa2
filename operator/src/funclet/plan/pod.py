"""The pod of a revision, as designs/0003 describes it: always within the Pod Security Standard `restricted`."""

import math
from typing import Any, Final

from funclet.api.platform import Pods
from funclet.api.rules.names import OBJECT_NAME
from funclet.api.rules.rule import matches
from funclet.api.settings import VersionedSettings
from funclet.api.values import parse_duration, parse_quantity
from funclet.plan import reasons
from funclet.plan.environment import LOCALE
from funclet.plan.images import Program, pinned_image, program
from funclet.plan.labels import REVISION, annotations, labels
from funclet.plan.pod_inputs import Inputs, inputs
from funclet.plan.pod_resources import CODE_SIZE, SUPERVISOR_SIZE, copy_resources, function_resources
from funclet.plan.pod_settings import HEALTH_PORT, INVOKE_PORT, TASK_ROOT, Cluster, pod_settings
from funclet.plan.quantities import bytes_quantity
from funclet.plan.revision import Revision
from funclet.plan.routes import Unavailable
from funclet.plan.supervisor_settings import MAX_VARIABLE, as_variable

CONTAINER: Final = "function"
_FUNCLET = "/funclet"
_COPIED = "/copied"
#: seconds beyond the function's timeout: the quiet period of a drain, and time to end processes
_DRAIN = 15
_POD_FACTS = {
    "FUNCLET_POD_NAME": "metadata.name",
    "FUNCLET_POD_NAMESPACE": "metadata.namespace",
    "FUNCLET_POD_UID": "metadata.uid",
    "FUNCLET_POD_IP": "status.podIP",
}


def pod_template(revision: Revision, cluster: Cluster) -> dict[str, Any] | Unavailable:
    """Render the template of a revision's pods, or say why there can be none."""
    runs = program(revision, cluster.config)
    given = inputs(revision.settings)
    if isinstance(runs, Unavailable):
        return runs
    if isinstance(given, Unavailable):
        return given
    settings = as_variable(pod_settings(revision, cluster, runs.command))
    if len(settings) > MAX_VARIABLE:
        message = (
            f"spec.code.image.command and spec.environment are {len(settings)} bytes with all that an instance "
            f"is told, and no more than {MAX_VARIABLE} can be"
        )
        return Unavailable(reasons.INVALID_SPEC, message)
    return {
        "metadata": {"labels": labels(revision), "annotations": annotations(revision)},
        "spec": _spec(revision, cluster, runs, given, settings),
    }


def _spec(
    revision: Revision, cluster: Cluster, runs: Program, given: Inputs, settings: str
) -> dict[str, Any]:
    pods = cluster.config.pods
    return {
        **_identity(revision.settings.role),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _security(pods),
        **_scheduling(revision, pods),
        "terminationGracePeriodSeconds": math.ceil(parse_duration(revision.settings.timeout)) + _DRAIN,
        **_copying(revision.settings, cluster),
        "containers": [_container(revision, cluster, runs, given, settings)],
        "volumes": [*_volumes(revision.settings), *given.volumes],
    }


def _identity(role: str | None) -> dict[str, Any]:
    """A ServiceAccount counts without its token: for pull secrets, and for what is bound to its name."""
    return {"serviceAccountName": role} if role is not None and matches(OBJECT_NAME, role) else {}


def _security(pods: Pods) -> dict[str, Any]:
    user = {} if pods.run_as_user is None else {"runAsUser": pods.run_as_user, "runAsGroup": pods.run_as_user}
    return {"runAsNonRoot": True, **user, "seccompProfile": {"type": "RuntimeDefault"}}


def _confined() -> dict[str, Any]:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def _scheduling(revision: Revision, pods: Pods) -> dict[str, Any]:
    further = {
        "priorityClassName": pods.priority_class_name,
        "runtimeClassName": pods.runtime_class_name,
        "tolerations": [each.model_dump(exclude_none=True) for each in pods.tolerations],
        "imagePullSecrets": [each.model_dump() for each in pods.image_pull_secrets],
    }
    return {
        "nodeSelector": {"kubernetes.io/os": "linux", **pods.node_selector},
        **{name: value for name, value in further.items() if value},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {REVISION: revision.key}},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
    }


def _container(
    revision: Revision, cluster: Cluster, runs: Program, given: Inputs, settings: str
) -> dict[str, Any]:
    size = _disk(revision.settings)
    return {
        "name": CONTAINER,
        "image": runs.image,
        "imagePullPolicy": runs.pull_policy,
        "command": [f"{_FUNCLET}/bin/supervisor", "--settings", "env:FUNCLET_SETTINGS"],
        "env": _environment(revision, given, settings),
        **({"envFrom": list(given.sources)} if given.sources else {}),
        "ports": [
            {"name": "invoke", "containerPort": INVOKE_PORT, "protocol": "TCP"},
            {"name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP"},
        ],
        "resources": function_resources(revision.settings, size, cpu_limit=cluster.config.pods.cpu_limit),
        "readinessProbe": _readiness(),
        "securityContext": _confined(),
        # Not FallbackToLogsOnError: a log is the function's own, and may hold what no status should.
        "terminationMessagePolicy": "File",
        "volumeMounts": [*_mounts(revision.settings), *given.mounts],
    }


def _readiness() -> dict[str, Any]:
    """Ask often, so that a retired instance is soon seen unready; a slow answer of a busy one is no failure.

    There is no liveness probe: the supervisor holds the function to its timeout, and one that computes or
    waits until then must not be killed for being silent. A supervisor that fails ends the container.
    """
    return {
        "httpGet": {"path": "/ready", "port": "health"},
        "periodSeconds": 1,
        "timeoutSeconds": 3,
        "failureThreshold": 1,
    }


def _environment(revision: Revision, given: Inputs, settings: str) -> list[dict[str, Any]]:
    """List the variables; what is here goes before envFrom, and what the settings hold before both."""
    facts = {
        name: {"valueFrom": {"fieldRef": {"fieldPath": path, "apiVersion": "v1"}}}
        for name, path in _POD_FACTS.items()
    }
    # Two $ are one, and one before a name in brackets is that variable.
    stream = f"[{revision.version}]".replace("$", "$$") + "$(FUNCLET_POD_NAME)"
    locale = (
        {} if revision.settings.code.image else {name: {"value": value} for name, value in LOCALE.items()}
    )
    variables: dict[str, Any] = {
        **locale,
        **given.variables,
        **facts,
        "AWS_LAMBDA_LOG_STREAM_NAME": {"value": stream},
        "FUNCLET_SETTINGS": {"value": settings},
    }
    return [{"name": name, **value} for name, value in variables.items()]


def _mounts(settings: VersionedSettings) -> list[dict[str, Any]]:
    tmp = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 - a path in the pod
    if settings.code.image is None:
        return [tmp, {"name": "code", "mountPath": TASK_ROOT}]
    return [tmp, {"name": "funclet", "mountPath": _FUNCLET, "readOnly": True}]


def _volumes(settings: VersionedSettings) -> list[dict[str, Any]]:
    size = bytes_quantity(parse_quantity(settings.ephemeral_storage))
    tmp = {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": size}}
    name = "code" if settings.code.image is None else "funclet"
    return [tmp, {"name": name, "emptyDir": {"sizeLimit": bytes_quantity(_disk(settings))}}]


def _disk(settings: VersionedSettings) -> int:
    return CODE_SIZE if settings.code.image is None else SUPERVISOR_SIZE


def _copying(settings: VersionedSettings, cluster: Cluster) -> dict[str, Any]:
    """An image function knows nothing of Funclet: another container brings the supervisor along."""
    if settings.code.image is None:
        return {}
    image = cluster.config.supervisor_image
    copy = {
        "name": "funclet",
        "image": pinned_image(image),
        "imagePullPolicy": image.pull_policy,
        "command": [f"{_FUNCLET}/bin/install", _COPIED],
        "resources": copy_resources(settings, SUPERVISOR_SIZE, cpu_limit=cluster.config.pods.cpu_limit),
        "securityContext": _confined(),
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"name": "funclet", "mountPath": _COPIED}],
    }
    return {"initContainers": [copy]}
