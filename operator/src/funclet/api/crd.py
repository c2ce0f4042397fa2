"""The custom resource definitions, made from the models and the rules.

`python -m funclet.api.crd` writes them to crds/, and as templates into the chart; with `--check` it says what
would change and fails if anything would.
"""

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from funclet.api.base import GROUP, VERSION
from funclet.api.rules.registry import RULES
from funclet.api.rules.rule import Rule
from funclet.api.schema import Schema, structural

_HEADER = (
    "# Generated from the models in operator/src/funclet/api by `python -m funclet.api.crd`: change those.\n"
)
_FOLDER = Path("crds")
_CHART_FOLDER = Path("charts/funclet/templates/crds")
_TEMPLATE_HEADER = _HEADER + "{{- if .Values.crds.enabled }}\n"
_TEMPLATE_FOOTER = "{{- end }}\n"
_KEPT = """\
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""


def _column(name: str, path: str, type_: str = "string", *, priority: int = 0) -> Schema:
    column: Schema = {"name": name, "type": type_, "jsonPath": path}
    return {**column, "priority": priority} if priority else column


def _condition(name: str, member: str, *, priority: int = 0) -> Schema:
    return _column(name, f'.status.conditions[?(@.type=="Ready")].{member}', priority=priority)


_READY = _condition("Ready", "status")
_LAST = (_condition("Reason", "reason", priority=1), _column("Age", ".metadata.creationTimestamp", "date"))


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a definition says besides its schema."""

    plural: str
    short: str
    columns: tuple[Schema, ...]
    subresources: Mapping[str, Schema] = field(default_factory=lambda: {"status": {}})
    selectable: tuple[str, ...] = ()


_KINDS: Mapping[str, _Kind] = {
    "Function": _Kind(
        plural="functions",
        short="fn",
        columns=(
            _READY,
            _column("Runtime", ".spec.runtime"),
            _column("Last Version", ".status.lastVersion", "integer"),
            _column("Instances", ".status.instances", "integer"),
            *_LAST,
        ),
        subresources={
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.scaling.min",
                "statusReplicasPath": ".status.instances",
                "labelSelectorPath": ".status.selector",
            },
        },
    ),
    "FunctionVersion": _Kind(
        plural="functionversions",
        short="fnv",
        columns=(
            _READY,
            _column("Function", ".spec.function"),
            _column("Version", ".spec.version"),
            _column("Runtime", ".spec.runtime"),
            *_LAST,
        ),
        selectable=(".spec.function",),
    ),
    "Alias": _Kind(
        plural="aliases",
        short="fna",
        columns=(
            _READY,
            _column("Function", ".spec.function"),
            _column("Alias", ".spec.name"),
            _column("Version", ".spec.version"),
            *_LAST,
        ),
        selectable=(".spec.function",),
    ),
}


def definition(kind: str) -> Schema:
    """Make the CustomResourceDefinition of a kind."""
    about = _KINDS[kind]
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": ruled(kind)},
        "subresources": dict(about.subresources),
        "additionalPrinterColumns": list(about.columns),
    }
    if about.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in about.selectable]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{about.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/name": "funclet", "app.kubernetes.io/component": "crds"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": about.plural,
                "singular": kind.lower(),
                "shortNames": [about.short],
                "categories": ["funclet"],
            },
            "versions": [version],
        },
    }


def ruled(kind: str) -> Schema:
    """Make the structural schema of a kind with its rules at their nodes."""
    root = deepcopy(structural(kind))
    for rule in RULES:
        if kind in rule.kinds:
            node = root
            for piece in rule.node.split("."):
                node = node["items"] if piece == "*" else node["properties"][piece]
            node.setdefault("x-kubernetes-validations", []).append(_validation(rule))
    return root


def _validation(rule: Rule) -> Schema:
    validation = {"rule": rule.cel, "message": rule.message, "reason": rule.reason}
    if rule.message_cel:
        validation["messageExpression"] = rule.message_cel
    if rule.path:
        validation["fieldPath"] = f".{rule.path}"
    return validation


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, and lists indented as people write them."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- the signature is PyYAML's
        return True


def rendered() -> dict[str, str]:
    """Write every definition as YAML, by file name."""
    return {
        f"{GROUP}_{about.plural}.yaml": _HEADER
        + yaml.dump(definition(kind), Dumper=_Dumper, sort_keys=True, width=110, allow_unicode=True)
        for kind, about in _KINDS.items()
    }


def templates() -> dict[str, str]:
    """Write every definition as a template of the chart, by file name."""
    return {name: _template(text.removeprefix(_HEADER)) for name, text in rendered().items()}


def _template(text: str) -> str:
    literal = text.replace("{{", '{{ "{{" }}')
    head, metadata, rest = literal.partition("metadata:\n")
    return _TEMPLATE_HEADER + head + metadata + _KEPT + rest + _TEMPLATE_FOOTER


def drift(folder: Path, wanted: Mapping[str, str] | None = None) -> str:
    """Tell as a diff how a folder differs from the files wanted (the definitions); empty if it does not."""
    wanted = rendered() if wanted is None else wanted
    names = sorted({*wanted, *(path.name for path in folder.glob("*.yaml"))})
    return "".join(_diff(folder / name, wanted.get(name, "")) for name in names)


def _diff(path: Path, wanted: str) -> str:
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        found.splitlines(keepends=True), wanted.splitlines(keepends=True), str(path), "generated"
    )
    return "".join(lines)


def write(folder: Path, wanted: Mapping[str, str] | None = None) -> None:
    """Write the files wanted (the definitions), and remove those that no kind has any more."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = rendered() if wanted is None else wanted
    for path in folder.glob("*.yaml"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m funclet.api.crd", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if something would change")
    parser.add_argument("--folder", type=Path, help="the plain definitions alone, in this folder")
    options = parser.parse_args(arguments)
    targets = {_FOLDER: rendered(), _CHART_FOLDER: templates()}
    if options.folder:
        targets = {options.folder: rendered()}
    if not options.check:
        for place, wanted in targets.items():
            write(place, wanted)
        return 0
    difference = "".join(drift(place, wanted) for place, wanted in targets.items())
    sys.stdout.write(difference)
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
