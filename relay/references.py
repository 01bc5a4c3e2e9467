"""`${NAME}` and `${file:PATH}` in settings: what stands in the environment or in a file, and not in `relay.toml`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from relay.errors import ConfigError

_REFERENCE: Final = re.compile(r"\$\$(?=\{)|\$\{(?P<name>[^{}]*)\}")
_FILE: Final = "file:"


def resolve(value: Any, where: str) -> Any:  # noqa: ANN401 - what TOML may hold
    """`value` with every `${NAME}` in its texts replaced by the environment's, and `${file:PATH}` by the file's.

    In the userinfo of a URL, beside something else, it is percent-encoded: there a password may hold any character.
    """
    match value:
        case dict():
            return {key: resolve(item, f"{where}: {key}") for key, item in value.items()}
        case list():
            return [resolve(item, where) for item in value]
        case str():
            host = value.rfind("@") if "://" in value else -1

            def put(match: re.Match[str]) -> str:
                if match["name"] is None:
                    return "$"
                found = _look_up(match["name"], where)
                is_whole_userinfo = value[: match.start()].endswith("://") and match.end() == host
                return quote(found, safe="") if match.end() <= host and not is_whole_userinfo else found

            return _REFERENCE.sub(put, value)
        case _:
            return value


def _look_up(name: str, where: str) -> str:
    if name.startswith(_FILE):
        path = Path(name.removeprefix(_FILE))
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise ConfigError(f"{where}: the file {path} that ${{{name}}} names cannot be read: {reason}") from error
    if name not in os.environ:
        raise ConfigError(f"{where}: the environment has no variable {name!r}: set it, or write $${{...}} for ${{...}}")
    return os.environ[name]
