"""A word that YAML takes for a number, a truth or nothing stays the word that it is, wherever the chart writes it."""

from collections.abc import Iterator
from typing import Any

import pytest

from funclet.api.platform import load
from support.chart import IMAGES, Rendered, Values, merged, render

#: each is a name in Kubernetes, and something else in YAML 1.1 or 1.2
WORDS = ("123", "0x1f", "010", "1e3", "on", "no", "y", "true", "null")


def values(word: str) -> Values:
    """The word wherever a name or a text may stand."""
    component: Values = {
        "serviceAccount": {"name": word, "annotations": {"a": word}},
        "priorityClassName": word,
        "nodeSelector": {"disk": word},
        "tolerations": [{"key": word, "operator": "Equal", "value": word}],
        "podLabels": {"team": word},
        "podAnnotations": {"a": word},
        "extraEnv": [{"name": "WORD", "value": word}],
    }
    image: Values = {"registry": word, "repository": word, "tag": word}
    ruby: Values = {
        "names": ["ruby3.4"],
        "image": {**image, "digest": IMAGES["supervisorImage"]["digest"]},
        "command": [word],
    }
    parents = [{"name": word, "namespace": word, "sectionName": word}]
    return {
        "global": {"imagePullSecrets": [word]},
        "nameOverride": word,
        "commonLabels": {"all": word},
        "scope": {"namespaces": [word]},
        "defaultNamespace": word,
        "auth": {"mode": "Token"},
        "keys": {"existingSecret": word},
        "image": image,
        "supervisorImage": image,
        "runtimes": {"ruby": ruby},
        "pods": {
            "priorityClassName": word,
            "runtimeClassName": word,
            "nodeSelector": {"disk": word},
            "tolerations": [{"key": word, "operator": "Equal", "value": word}],
            "imagePullSecrets": [word],
        },
        "operator": merged(component, {"serviceAccount": {"create": False}}),
        "gateway": {**component, "service": {"annotations": {"a": word}}},
        "ingress": {
            "enabled": True,
            "className": word,
            "host": word,
            "annotations": {"a": word},
            "tls": {"secretName": word},
        },
        "httpRoute": {
            "enabled": True,
            "annotations": {"a": word},
            "parentRefs": parents,
            "hostnames": [word],
            "redirect": {"enabled": True, "parentRefs": parents},
        },
        "networkPolicy": {"functions": {"namespaces": [word]}},
        "monitoring": {
            "serviceMonitor": {"enabled": True, "labels": {"watch": word}},
            "dashboard": {"enabled": True, "labels": {"watch": word}},
        },
        "tests": {"invoke": word},
    }


def rendered_with(word: str) -> Rendered:
    return render(values(word), name=word, namespace=word)


def kinds(node: Any, path: str = "") -> Iterator[tuple[str, type]]:
    """What kind of thing stands where."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from kinds(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from kinds(value, f"{path}[{index}]")
    else:
        yield path, type(node)


def all_kinds(rendered: Rendered) -> list[tuple[str, type]]:
    return [*kinds(rendered.objects)]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_written_as_a_word(word: str) -> None:
    assert all_kinds(rendered_with(word)) == all_kinds(rendered_with("plain"))


@pytest.mark.parametrize("word", WORDS)
def test_the_processes_read_the_word(word: str) -> None:
    (text,) = [
        each["data"]["platform.yaml"]
        for each in rendered_with(word).all("ConfigMap")
        if "platform.yaml" in each["data"]
    ]
    config = load(text)
    pods = config.pods
    assert config.default_namespace == word
    assert (pods.priority_class_name, pods.runtime_class_name) == (word, word)
    assert [each.name for each in pods.image_pull_secrets] == [word]
    assert [each.command for each in config.runtimes if "ruby3.4" in each.names] == [[word]]


@pytest.mark.parametrize("region", ["on", "no", "y", "true", "null"])
def test_a_region_is_a_word_too(region: str) -> None:
    rendered = render({"region": region, "code": {"s3": {"region": region}}})
    assert load(rendered.one("ConfigMap", "funclet-platform")["data"]["platform.yaml"]).region == region
    (pod,) = [pod for component, pod in rendered.pods() if component == "gateway"]
    env = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
    assert env["FUNCLET_CODE_S3_REGION"] == region


@pytest.mark.parametrize("name", ["on", "true", "null"])
def test_a_prefix_of_names_is_a_word_too(name: str) -> None:
    rendered = render(merged(values("plain"), {"fullnameOverride": name}))
    assert [each["metadata"]["name"] for each in rendered.all("ServiceMonitor")] == [name]
    (pod,) = [pod for component, pod in rendered.pods() if component == "gateway"]
    env = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
    assert env["FUNCLET_RELEASE"] == name
