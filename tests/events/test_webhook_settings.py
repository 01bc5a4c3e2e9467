"""`[[webhooks]]` in the settings: what they may be, and that no error says what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from fixtures.receiver import SECRET
from relay import config
from relay.errors import ConfigError
from relay.events.settings import WebhookSettings, unknown_stream, webhook_key

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.pure

URL = "https://hooks.example/T000/s3cret"


def made(**changed: Any) -> WebhookSettings:
    return WebhookSettings.model_validate({"url": URL, **changed})


def test_one_with_an_address_alone_is_told_everything() -> None:
    hook = made()
    assert (hook.kinds, hook.streams, hook.on, hook.picture) == ((), (), ("begin", "end"), "none")
    assert "s3cret" not in repr(hook)
    assert "s3cret" not in str(hook.model_dump())


def test_a_secret_is_the_same_with_its_prefix_or_without() -> None:
    assert webhook_key(SECRET) == webhook_key(SECRET.removeprefix("whsec_")) == bytes(range(32))
    assert made(secret=SECRET).secret is not None
    assert made(secret=None).secret is None


def test_headers_of_its_owner_go_along() -> None:
    assert made(headers={"Authorization": "Bearer s3cret"}).headers == {"Authorization": "Bearer s3cret"}
    assert "Bearer" not in repr(made(headers={"Authorization": "Bearer s3cret"}))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"url": "ftp://hooks.example/s3cret"}, "http://HOST"),
        ({"url": "s3cret"}, "http://HOST"),
        ({"url": "https://hooks.example:99999/s3cret"}, "http://HOST"),
        ({"secret": "s3cret"}, "openssl rand -base64 32"),
        ({"secret": "whsec_s3cret!!"}, "openssl rand -base64 32"),
        ({"headers": {"webhook-id": "s3cret"}}, "leave them out"),
        ({"headers": {"Content-Type": "s3cret"}}, "leave them out"),
        ({"headers": {"X Y": "s3cret"}}, "a header is NAME"),
        ({"on": []}, "at least 1"),
        ({"on": ["start"]}, "'begin' or 'end'"),
        ({"picture": "png"}, "'none' or 'jpeg'"),
        ({"kinds": ["Not One"]}, "a kind of event"),
        ({"timeout_s": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_is_refused_without_being_quoted(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made(**changed)
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_stream_that_there_is_not_is_named() -> None:
    hooks = (made(), made(streams=["door", "yard"]))
    assert unknown_stream(hooks, ["yard", "door"]) == ""
    assert unknown_stream(hooks, ["gate", "door"]) == (
        "webhooks.1.streams: there is no stream 'yard'; there are door, gate"
    )


def load(folder: Path, text: str) -> config.RelaySettings:
    file = folder / "relay.toml"
    file.write_text(f"{text}\n[streams.door]\n")
    return config.load(file)


def test_the_file_has_them_at_the_top_with_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    (tmp_path / "address").write_text(f"{URL}\n")
    text = f'[[webhooks]]\nurl = "${{file:{tmp_path}/address}}"\nsecret = "${{HOOK_SECRET}}"\nkinds = ["motion"]\n'
    (hook,) = load(tmp_path, text).webhooks
    assert hook.url.get_secret_value() == URL
    assert hook.kinds == ("motion",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[webhooks]]\nurl = "s3cret"', "webhooks.0.url: a webhook's url is"),
        ('[[webhooks]]\nurl = "http://h/"\nsecret = "s3cret"', "webhooks.0.secret: a webhook's secret"),
        ('webhooks = ["http://h/s3cret"]', "webhooks.0: "),
        ('[[webhooks]]\nurl = "http://h/s3cret"\nstreams = ["yard"]', "there is no stream 'yard'; there are door"),
        ('[[webhooks]]\nurl = "http://h/"\nsecrets = "s3cret"', "webhooks.0.secrets: there is no such setting"),
        ('[[webhooks]]\nurl = "http://h/"\nheaders = "s3cret"', "webhooks.0.headers: "),
    ],
)
def test_what_is_wrong_in_the_file_is_said_by_its_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)
