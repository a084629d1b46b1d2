"""Pages taken apart: tags, cells, and what a browser would fetch."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "br", "input", "image", "use", "path", "line", "hr"}


@dataclass
class Table:
    """Rows of cells as text, and the section that the table stands in."""

    section: str
    rows: list[list[str]] = field(default_factory=list)

    def row(self, name: str) -> list[str]:
        """Cells of the first row whose first cell begins with a name."""
        return next(row for row in self.rows if row and row[0].startswith(name))


@dataclass
class Page(HTMLParser):
    """A page, parsed; text in script or style is kept apart."""

    source: str = ""

    def __post_init__(self) -> None:
        """Parse at once."""
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: list[Table] = []
        self.text = ""
        self.unclosed: list[str] = []
        self.section = ""
        self._cell: list[str] | None = None
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Keep the tag; open rows and cells."""
        attributes = {key: value or "" for key, value in attrs}
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.unclosed.append(tag)
        if tag == "section":
            self.section = attributes.get("id", "")
        if tag == "table":
            self.tables.append(Table(section=self.section))
        if tag == "tr":
            self.tables[-1].rows.append([])
        if tag in ("td", "th"):
            self._cell = []

    def handle_startendtag(self, tag, attrs):
        """Keep a tag that closes itself."""
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag):
        """Close cells; every tag must close the one opened last."""
        assert self.unclosed, f"</{tag}> closes nothing"
        assert self.unclosed[-1] == tag, f"</{tag}> closes <{self.unclosed[-1]}>"
        self.unclosed.pop()
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1].rows[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data):
        """Collect the words that a reader sees."""
        if self.unclosed and self.unclosed[-1] in ("style", "script"):
            return
        self.text += data
        if self._cell is not None:
            self._cell.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        """Attributes of every tag of a name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def ids(self) -> list[str]:
        """Every id on the page."""
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    def in_section(self, section: str) -> list[Table]:
        """Tables of one section."""
        return [table for table in self.tables if table.section == section]

    def loads(self) -> list[str]:
        """Every address that the page itself would fetch."""
        keys = ("src", "href", "srcset", "data")
        found = [a[key] for tag, a in self.tags if tag != "a" for key in keys if key in a]
        return found + re.findall(r"url\(([^)]*)\)|@import\s+(\S+)", self.source)

    def drawings(self) -> list[str]:
        """Every SVG that stands in a data URI, as text."""
        prefix = "data:image/svg+xml;base64,"
        sources = [attributes.get("src", "") for attributes in self.all("img")]
        return [
            base64.b64decode(source.removeprefix(prefix)).decode()
            for source in sources
            if source.startswith(prefix)
        ]


def read_page(path: Path) -> Page:
    """Parse a page that was written."""
    return Page(source=path.read_text(encoding="utf-8"))
