"""`text`: a line or several, anywhere in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, Field

from relay.transform.drawing.lettered import MAX_CHARACTERS, MAX_LINES, Lettered

if TYPE_CHECKING:
    from relay.transform.frame import Frame


def _check(text: str) -> str:
    lines = text.replace("\\n", "\n").split("\n")
    if len(lines) > MAX_LINES or any(len(line) > MAX_CHARACTERS or not line.isprintable() for line in lines):
        raise ValueError(f"is at most {MAX_LINES} lines of {MAX_CHARACTERS} characters that can be printed")
    return "\n".join(lines)


class Text(Lettered):
    """Writes a text into the picture."""

    name: ClassVar = "text"

    text: Annotated[str, AfterValidator(_check)] = Field(description="what is written; \\n begins a new line")

    def apply(self, frame: Frame) -> None:
        """Draw into the box that the text needs; everything around it stays as it was."""
        self.write(frame, self.text)
