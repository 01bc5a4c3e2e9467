"""Keyframes within segments: where they may be asked for, and what is said where not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from relay.config import StreamSettings
from relay.model import LatencyProfile


@pytest.mark.parametrize("profile", [LatencyProfile.LOW, LatencyProfile.BALANCED])
def test_they_begin_parts(profile: LatencyProfile) -> None:
    settings = StreamSettings(latency_profile=profile, keyframe_interval_s=0.5)
    assert settings.keyframe_interval_s == 0.5
    assert StreamSettings(latency_profile=profile).keyframe_interval_s is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latency_profile": "quality", "keyframe_interval_s": 1}, "lets parts begin with keyframes"),
        ({"video": "copy", "keyframe_interval_s": 1}, 'which video = "copy" may not do'),
        ({"video": "auto", "keyframe_interval_s": 1}, 'which video = "auto" may not do'),
        ({"keyframe_interval_s": 3}, "each segment of 2 s begins with a keyframe anyway"),
        ({"keyframe_interval_s": 0}, "greater than or equal to 0.1"),
    ],
)
def test_where_there_can_be_none(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        StreamSettings.model_validate(settings)
