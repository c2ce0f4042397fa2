import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from funclet.api.platform import PlatformConfig, PlatformError, load
from support.rendering import platform_file


def problems(**fields: Any) -> list[str]:
    with pytest.raises(PlatformError) as caught:
        load(yaml.safe_dump(platform_file(**fields)))
    return [str(problem) for problem in caught.value.problems]


def test_a_file_is_read_with_its_defaults() -> None:
    config = load(yaml.safe_dump(platform_file()))
    assert config.default_namespace == "default"
    assert config.pods.run_as_user == 65532
    assert config.supervisor_image.pull_policy == "IfNotPresent"


def test_nobody_needs_a_fixed_user_where_the_namespace_gives_one() -> None:
    assert load(yaml.safe_dump(platform_file(pods={"runAsUser": None}))).pods.run_as_user is None


def test_root_is_refused() -> None:
    assert problems(pods={"runAsUser": 0}) == ["pods.runAsUser: must be at least 1"]


def test_an_unknown_field_is_named() -> None:
    assert problems(pods={"hostNetwork": True}) == ["pods.hostNetwork: is not a known field"]


def test_every_wrong_field_is_named_at_once() -> None:
    image = {"ref": "a b", "digest": "latest"}
    fields = [
        each.partition(":")[0] for each in problems(supervisorImage=image, gatewayInternalUrl="http://x/y")
    ]
    assert fields == ["gatewayInternalUrl", "supervisorImage.digest", "supervisorImage.ref"]


@pytest.mark.parametrize(
    ("names", "wrong"), [(["python3.99"], "no name of a runtime"), (["python"] * 2, "already")]
)
def test_a_name_means_one_runtime_that_there_is(names: list[str], wrong: str) -> None:
    runtimes = [{**platform_file()["runtimes"][0], "names": names}]
    assert wrong in problems(runtimes=runtimes)[0]


@pytest.mark.parametrize(
    "text", ["", "[]", "region: [", "region: us-east-1", "a: !!python/object:os.system x"]
)
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(PlatformError, match=r"platform\.yaml"):
        load(text)


@given(st.text())
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    with contextlib.suppress(PlatformError):
        load(text)


def described(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name}"
        for below in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(below, type) and issubclass(below, BaseModel):
                described(below)


def test_every_field_is_described() -> None:
    described(PlatformConfig)
