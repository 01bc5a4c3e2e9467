"""Wrong names and parameters are refused with the transform, the parameter, the value, and what would do."""

from __future__ import annotations

import pytest

from relay.config import TransformSettings
from relay.errors import TransformError
from relay.transform.base import Transform
from relay.transform.registry import BUILT_IN, find_transform, make_link


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("crpo width=2 height=2",
            "there is no transform 'crpo': did you mean 'crop'? There are brightness, clahe, crop, data, dehaze, "),
        ("zzz", "undistort, white-balance; your own is written module:function"),
        ("crop width=64", "crop: height is missing (crop takes x, y, width, height)"),
        ("crop width=64 height=48 depth=3", "crop: there is no parameter 'depth' (crop takes x, y, width, height)"),
        ("crop width=63 height=48", "crop: width='63': must be even, because colour has half the resolution"),
        ("crop x=1 width=64 height=48", "crop: x='1': must be even"),
        ("crop x=-2 width=64 height=48", "crop: x='-2': input should be greater than or equal to 0"),
        ("crop width=wide height=48", "crop: width='wide': input should be a valid integer"),
        ("scale", "scale: give a width, a height, or both (scale takes width, height, interpolation)"),
        ("scale width=100000", "scale: width='100000': input should be less than or equal to 8192"),
        ("scale width=64 interpolation=best",
            "scale: interpolation='best': input should be 'nearest', 'bilinear', 'area', 'bicubic' or 'lanczos'"),
        ("flip direction=up", "flip: direction='up': input should be 'horizontal' or 'vertical'"),
        ("rotate", "rotate: degrees is missing"),
        ("rotate degrees=400", "rotate: degrees='400': input should be less than or equal to 360"),
        ("rotate degrees=left", "rotate: degrees='left': input should be a valid number"),
        ("timestamp size=2", "timestamp: size='2': input should be greater than or equal to 8"),
        ("timestamp timezone=Mars/Olympus",
            "timestamp: timezone='Mars/Olympus': is \"local\", \"UTC\" or a name like Europe/Berlin"),
        ("timestamp timezone=../../etc/passwd", "timestamp: timezone='../../etc/passwd': is \"local\", \"UTC\""),
        ('timestamp "format=a\nb"', "timestamp: format='a\\nb': is one line of at most 200 characters"),
        ("timestamp position=middle", "timestamp: position='middle': input should be 'top-left'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(link: str, message: str) -> None:
    with pytest.raises(TransformError) as caught:
        make_link(TransformSettings.model_validate(link))
    assert message in str(caught.value)


def test_typed_values_of_toml_do_as_well_as_text() -> None:
    typed = TransformSettings.model_validate({"name": "crop", "x": 2, "y": 4, "width": 64, "height": 48})
    assert make_link(typed) == make_link(TransformSettings.model_validate("crop x=2 y=4 width=64 height=48"))


def test_every_transform_can_be_listed_with_its_parameters() -> None:
    for name in BUILT_IN:
        transform = find_transform(name)
        assert issubclass(transform, Transform)
        assert name == transform.name
        assert transform.summary().endswith(".")
        assert all(field.description for field in transform.model_fields.values())
