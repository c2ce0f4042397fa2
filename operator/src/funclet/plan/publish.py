"""Publishing: when $LATEST becomes a numbered version, and which number that is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from funclet.api.base import API_VERSION
from funclet.api.function import Function, Publication
from funclet.api.function_version import FunctionVersion
from funclet.plan import names, reasons
from funclet.plan.admission import admitted, is_undecided
from funclet.plan.deletes import named_versions
from funclet.plan.observed import FunctionObserved
from funclet.plan.owners import made_by, owner_reference
from funclet.plan.plan import Event, Key
from funclet.plan.revision import Revision
from funclet.plan.revisions import settings_hash, versioned

#: the id of a request to publish; each is answered once, in status.publication
PUBLISH_REQUEST = "funclet.dev/publish"
PUBLISH_DESCRIPTION = "funclet.dev/publish-description"


@dataclass(frozen=True, slots=True)
class Publishing:
    """What publishing does now: at most one new version."""

    last_version: int
    publication: Publication | None
    #: the FunctionVersion to make
    manifest: Mapping[str, Any] | None = None
    events: tuple[Event, ...] = ()
    #: `last_version`, where there surely never was a version of this number
    unused: int | None = None


def plan_publish(function: Function, observed: FunctionObserved, latest: Revision) -> Publishing:
    """Decide whether a version is due, because a setting changed (Auto) or because somebody asks for one.

    A user's own version that has not been admitted or refused yet is waited for: the number given out
    here would decide about it. So is one that the API server refused, until it is tried again.
    """
    before = function.status.publication
    if any(is_undecided(version, function) for version in observed.versions):
        return Publishing(function.status.last_version, before, unused=_unused(function, observed))
    versions = admitted(observed.versions, function)
    last = max(function.status.last_version, *versions, 0)
    refused = observed.refused.get(_version_key(function, last))
    if refused is not None and last not in versions:
        return Publishing(last, before, unused=last if refused.surely else None)
    request = _open_request(function)
    unused = _unused(function, observed)
    unused = unused if unused == last else None
    if request is None and function.spec.publish != "Auto":
        return Publishing(last, before, unused=unused)
    content = settings_hash(latest.settings, latest.code_sha256)
    newest = next(reversed(versions.values()), None)
    if newest is not None and settings_hash(newest.spec, newest.spec.code_sha256) == content:
        return replace(_answer_unchanged(newest, content, request, last, before), unused=unused)
    if request is None and before is not None and before.settings_hash == content:
        # Its version was deleted; only a change, or a request, makes another.
        return Publishing(last, before, unused=unused)
    return _answer_new(function, latest, content, request, next_number(function, observed))


def next_number(function: Function, observed: FunctionObserved) -> int:
    """Give a number above every one that was ever used, as far as anything remembers.

    An alias to a version that is nowhere to be found speaks of one that was lost, so its number is used;
    but before the first version of all, an alias to "1" waits for that one (designs/0002). A number whose
    version was refused is given again.
    """
    named = (name for alias in observed.aliases for name in named_versions(alias))
    waited_for = {int(number) for number in named if number.isdecimal()}
    used = {function.status.last_version, *(int(version.spec.version) for version in observed.versions)}
    if used == {0} and waited_for == {1}:
        return 1
    highest = max(used | waited_for)
    return highest if highest == _unused(function, observed) else highest + 1


def _unused(function: Function, observed: FunctionObserved) -> int | None:
    """Give the last number, where its version was refused and nobody else made one of it since."""
    number = function.status.unused_version
    taken = {int(version.spec.version) for version in observed.versions}
    return number if number == function.status.last_version and number not in taken else None


def _version_key(function: Function, number: int) -> Key:
    meta = function.metadata
    return Key("FunctionVersion", meta.namespace, names.version_name(meta.name, str(number)))


def _open_request(function: Function) -> str | None:
    request = function.metadata.annotations.get(PUBLISH_REQUEST)
    answered = function.status.publication
    return None if not request or (answered is not None and answered.request == request) else request


def _answer_unchanged(
    newest: FunctionVersion, content: str, request: str | None, last: int, before: Publication | None
) -> Publishing:
    number = newest.spec.version
    answered = request or (before.request if before is not None else None)
    publication = Publication(version=number, settings_hash=content, request=answered)
    if request is None:
        return Publishing(last, publication)
    message = f"nothing changed since version {number}"
    return Publishing(last, publication, events=(Event("Normal", reasons.UNCHANGED, message),))


def _answer_new(
    function: Function, latest: Revision, content: str, request: str | None, number: int
) -> Publishing:
    before = function.status.publication
    answered = request or (before.request if before is not None else None)
    description = function.metadata.annotations.get(PUBLISH_DESCRIPTION, "") if request else ""
    return Publishing(
        number,
        Publication(version=str(number), settings_hash=content, request=answered),
        version_manifest(function, latest, number, description),
        (Event("Normal", reasons.PUBLISHED, f"published version {number}"),),
    )


def version_manifest(function: Function, latest: Revision, number: int, description: str) -> dict[str, Any]:
    """Freeze this $LATEST as a FunctionVersion: every field, so that later defaults do not reach it."""
    settings = versioned(latest.settings).model_dump(mode="json", exclude_none=True)
    if (archive := settings["code"].get("zip")) is not None:
        archive["sha256"] = latest.code_sha256
    runtime = {} if latest.settings.code.image is not None else {"runtimeDigest": latest.runtime.digest}
    return {
        "apiVersion": API_VERSION,
        "kind": "FunctionVersion",
        "metadata": {
            "name": names.version_name(function.metadata.name, str(number)),
            "namespace": function.metadata.namespace,
            "labels": {"app.kubernetes.io/managed-by": "funclet"},
            "ownerReferences": [owner_reference(function, controller=True)],
        },
        "spec": {
            **settings,
            "function": function.metadata.name,
            "version": str(number),
            "description": description,
            "codeSha256": latest.code_sha256,
            **runtime,
        },
    }


def surplus_versions(
    function: Function, observed: FunctionObserved, *, made: int | None, named: Iterable[str]
) -> tuple[Key, ...]:
    """Name the oldest versions beyond spec.keepVersions, which counts those that no alias names.

    Stays: what an alias names, what `named` names (an alias about to be written), the newest, and whatever
    a user applied. `made` is the number that is being published.
    """
    keep = function.spec.keep_versions
    if keep is None:
        return ()
    versions = admitted(observed.versions, function)
    in_use = {*named, *(number for alias in observed.aliases for number in named_versions(alias))}
    loose = [number for number in versions if str(number) not in in_use]
    if made is not None and str(made) not in in_use:
        loose.append(made)
    newest = max((*versions, made or 0), default=0)
    gone = [versions[number] for number in loose if number != newest and made_by(function, versions[number])]
    return tuple(
        Key("FunctionVersion", version.metadata.namespace, version.metadata.name)
        for version in gone[: max(len(loose) - keep, 0)]
    )
