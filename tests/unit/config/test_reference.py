"""What editors and the reference page say of the files is what the models take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.config import document, models
from daemon.config.models import Shape
from daemon.config.reference import KIND_TITLES, NAME_TITLES, PAGE, main, page, yaml
from daemon.domain.ladder import ANCHORS, PUBLISHED, SubjectKind
from daemon.domain.why import ANCHOR_TITLES


def shapes(of: type[Shape] = Shape) -> Iterator[type[Shape]]:
    for shape in of.__subclasses__():
        yield shape
        yield from shapes(shape)


SHAPES = sorted(
    (shape for shape in shapes() if shape.__module__ == models.__name__), key=lambda s: s.__name__
)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_key_has_words_and_an_example_that_is_right(shape: type[Shape]) -> None:
    lines = []
    for name, field in shape.model_fields.items():
        assert field.description, name
        assert field.examples, name
        lines.append(f"{field.alias or name}: {yaml(field.examples[0])}")
    read, faults = document.read("x.yaml", "\n".join(lines))
    assert read, faults
    shape.model_validate(read.data)


@pytest.mark.parametrize("shape", SHAPES)
def test_further_examples_are_right_too(shape: type[Shape]) -> None:
    given: dict[str, Any] = {f.alias or n: f.examples[0] for n, f in shape.model_fields.items() if f.examples}
    for name, field in shape.model_fields.items():
        for example in (field.examples or [])[1:]:
            shape.model_validate(given | {field.alias or name: example})


def test_every_word_has_a_title() -> None:
    assert set(NAME_TITLES) == set().union(*PUBLISHED.values())
    assert set(ANCHOR_TITLES) == set().union(*ANCHORS.values())
    assert set(KIND_TITLES) == set(SubjectKind)


def test_the_page_is_as_the_models_are(tmp_path: Path) -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
    path = tmp_path / "docs" / "page.md"
    assert main(["--check", str(path)]) == 1
    assert main([str(path)]) == 0
    assert main(["--check", str(path)]) == 0


QUOTED = [
    ("unit.head", "unit.head"),
    ("08:30", '"08:30"'),
    ("1400000000", '"1400000000"'),
    ("-3 workdays", "-3 workdays"),
    ('case.state == "returned"', "'case.state == \"returned\"'"),
    ({"password": "${env:X}"}, '{password: "${env:X}"}'),
    (True, "true"),
]


@pytest.mark.parametrize(("value", "written"), QUOTED)
def test_an_example_is_quoted_where_a_clerk_would_have_to(value: object, written: str) -> None:
    assert yaml(value) == written
