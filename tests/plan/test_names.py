import re

from hypothesis import given
from hypothesis import strategies as st

from funclet.plan import names

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
texts = st.text(min_size=1, max_size=300)
object_names = st.from_regex(LABEL, fullmatch=True)


@given(texts, st.integers(1, 10**17))
def test_derived_names_are_object_names_of_at_most_63_characters(text: str, number: int) -> None:
    for name in (
        names.object_name(text),
        names.version_name(text, str(number)),
        names.alias_name(text, text),
        names.revision_name(text, text, "$LATEST", "0"),
    ):
        assert len(name) <= 63
        assert LABEL.fullmatch(name)


@given(st.lists(st.tuples(object_names, st.integers(1, 99)), unique=True, min_size=2))
def test_two_versions_never_share_a_name(pairs: list[tuple[str, int]]) -> None:
    assert len({names.version_name(function, str(number)) for function, number in pairs}) == len(pairs)


def test_version_1_of_a_and_a_function_called_a_1_are_told_apart() -> None:
    assert names.version_name("a", "1") != names.object_name("a-v1")
    assert names.version_name("a-v1", "1") != names.version_name("a", "11")


def test_functions_that_share_63_characters_are_told_apart() -> None:
    shared = "x" * 80
    assert names.object_name(shared + "a") != names.object_name(shared + "b")


def test_a_version_is_readable_in_its_name() -> None:
    assert re.fullmatch(r"greet-v3-[a-z2-7]{10}", names.version_name("greet", "3"))
    assert re.fullmatch(r"greet-latest-[a-z2-7]{10}", names.revision_name("default", "greet", "$LATEST", "0"))


def test_a_lambda_name_that_kubernetes_takes_stays_as_it_is() -> None:
    assert names.object_name("greet") == "greet"


def test_a_lambda_name_with_capitals_gets_a_slug_and_a_hash() -> None:
    assert re.fullmatch(r"my-func-[a-z2-7]{10}", names.object_name("My_Func"))
    assert names.object_name("My_Func") != names.object_name("my_func")


dotted = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?", fullmatch=True)
VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")


@given(dotted)
def test_every_name_of_an_object_gives_a_value_for_a_label(name: str) -> None:
    label = names.label_value(name)
    assert len(label) <= 63
    assert VALUE.fullmatch(label)


@given(dotted, dotted)
def test_two_names_never_share_a_label(one: str, other: str) -> None:
    assert (names.label_value(one) == names.label_value(other)) is (one == other)


def test_no_short_name_is_the_label_of_a_long_one() -> None:
    assert "_" in names.label_value("x" * 64)
    assert names.label_value("x" * 63) == "x" * 63
