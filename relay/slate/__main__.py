"""`python -m relay.slate IMAGE...`: says what is wrong with images for slates, one a line, and ends with 1 if any is.

A process of its own, because `relay serve` looks at them before it begins and never loads OpenCV itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

from relay.errors import ConfigError
from relay.slate.image import read_image


def main() -> None:
    """Try every image."""
    problems = []
    for name in sys.argv[1:]:
        try:
            read_image(Path(name), 64, 64)
        except ConfigError as error:
            problems.append(str(error))
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
