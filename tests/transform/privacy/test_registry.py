"""The transforms of this package and of models are found by their names, and say what their parameters are."""

from __future__ import annotations

import importlib

import pytest

from relay.transform.base import Transform
from relay.transform.registry import BUILT_IN

NAMES = {
    "blur-people": "privacy", "faces": "privacy", "mask": "privacy",
    "enhance": "models", "model": "models", "segment": "models",
}  # fmt: skip


@pytest.mark.parametrize(("name", "group"), NAMES.items())
def test_a_name_leads_to_its_transform_and_that_describes_itself(name: str, group: str) -> None:
    module, _, attribute = BUILT_IN[name].partition(":")
    transform = getattr(importlib.import_module(module), attribute)
    assert issubclass(transform, Transform)
    assert (transform.name, transform.group, transform.is_private) == (name, group, group == "privacy")
    assert transform.summary().endswith(".")
    assert all(field.description for key, field in transform.model_fields.items() if key != "on_failure")
