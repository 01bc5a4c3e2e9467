from __future__ import annotations

import re
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import DataFolderError, TokenError
from relay.sessions import TokenMint, load_or_make_key

if TYPE_CHECKING:
    from pathlib import Path

MINT = TokenMint(bytes(range(32)))
NOW_S = 1_900_000_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_a_token_says_who_and_since_when() -> None:
    text = MINT.mint("cam", NOW_S)
    assert re.fullmatch(r"[\w-]{36}", text)
    token = MINT.verify(text, "cam", NOW_S)
    assert re.fullmatch(r"[0-9a-f]{24}", token.id)
    assert token.issued_at_s == NOW_S


def test_tokens_are_all_different() -> None:
    ids = {MINT.verify(MINT.mint("cam", NOW_S), "cam", NOW_S).id for _ in range(100)}
    assert len(ids) == 100


def test_it_does_not_expire_while_it_may_be_in_use() -> None:
    assert MINT.verify(MINT.mint("cam", NOW_S), "cam", NOW_S + 30 * 86_400)


def test_it_is_good_for_its_stream_and_its_key_alone() -> None:
    text = MINT.mint("cam", NOW_S)
    with pytest.raises(TokenError, match="not signed"):
        MINT.verify(text, "yard", NOW_S)
    with pytest.raises(TokenError, match="not signed"):
        TokenMint(bytes(32)).verify(text, "cam", NOW_S)


def test_it_may_come_from_a_clock_a_little_ahead_and_not_from_the_future() -> None:
    text = MINT.mint("cam", NOW_S)
    assert MINT.verify(text, "cam", NOW_S - 300)
    with pytest.raises(TokenError, match="future"):
        MINT.verify(text, "cam", NOW_S - 301)


@given(place=st.integers(0, 35), letter=st.sampled_from(ALPHABET))
def test_no_letter_of_it_can_be_changed(place: int, letter: str) -> None:
    text = MINT.mint("cam", NOW_S)
    changed = text[:place] + letter + text[place + 1 :]
    if changed != text:
        with pytest.raises(TokenError):
            MINT.verify(changed, "cam", NOW_S)


@given(text=st.text(max_size=60))
def test_what_is_no_token_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(TokenError) as refused:
        MINT.verify(text, "cam", NOW_S)
    assert len(text) < 4 or text not in str(refused.value)


class TestTheKey:
    def test_it_is_made_once_for_its_owner_alone(self, tmp_path: Path) -> None:
        data = tmp_path / "new" / "folder"
        key = load_or_make_key(data)
        assert len(key) == 32
        assert load_or_make_key(data) == key
        assert [path.name for path in data.iterdir()] == ["viewer.key"]
        assert stat.S_IMODE((data / "viewer.key").stat().st_mode) == 0o600

    def test_a_key_that_others_could_read_is_closed(self, tmp_path: Path) -> None:
        key = load_or_make_key(tmp_path)
        (tmp_path / "viewer.key").chmod(0o644)
        assert load_or_make_key(tmp_path) == key
        assert stat.S_IMODE((tmp_path / "viewer.key").stat().st_mode) == 0o600

    def test_two_relays_that_start_at_once_end_with_the_same(self, tmp_path: Path) -> None:
        keys: list[bytes] = []
        gate = threading.Barrier(8)

        def start() -> None:
            gate.wait(5)
            keys.append(load_or_make_key(tmp_path))

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(keys) == 8
        assert len(set(keys)) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["viewer.key"]

    @pytest.mark.parametrize("text", ["", "short", "00" * 31, "zz" * 32])
    def test_a_file_that_is_no_key_is_named(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "viewer.key").write_text(text)
        with pytest.raises(DataFolderError, match="is not a key"):
            load_or_make_key(tmp_path)

    def test_a_folder_that_cannot_be_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(DataFolderError, match="cannot be kept here"):
            load_or_make_key(tmp_path / "file")
