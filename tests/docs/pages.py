"""A built page, taken apart."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

RESOURCES = {
    "script": ("src",), "link": ("href",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"),
    "video": ("src", "poster"), "audio": ("src",), "embed": ("src",), "object": ("data",),
    "use": ("href", "xlink:href"), "image": ("href", "xlink:href"), "form": ("action",), "track": ("src",),
    "input": ("src",),
}  # fmt: skip
"""What a browser fetches by itself, or sends to, for a page."""

NO_RESOURCE = {"canonical", "prev", "next", "edit", "alternate"}
"""Links in the head that are told and not fetched."""


@dataclass
class Page:
    """What of a page the tests look at."""

    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    canonical: str = ""
    edit: str = ""
    title: str = ""
    text: str = ""
    code: list[str] = field(default_factory=list)
    """Code spans and blocks."""
    styles: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.open: list[str] = []
        self.void = {"meta", "link", "img", "br", "hr", "input", "source", "path", "circle", "rect"}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        page, given = self.page, {name: value or "" for name, value in attrs}
        if "id" in given:
            page.ids.append(given["id"])
        if tag == "a" and "name" in given:
            page.ids.append(given["name"])
        if tag == "a" and "href" in given:
            page.links.append(given["href"])
            if given.get("rel") == "edit":
                page.edit = given["href"]
        if tag == "meta":
            page.meta[given.get("name") or given.get("property", "")] = given.get("content", "")
        if given.get("rel") == "canonical":
            page.canonical = given["href"]
        if not (tag == "link" and given.get("rel", "") in NO_RESOURCE):
            page.resources += [given[name] for name in RESOURCES.get(tag, ()) if name in given]
        page.styles += given.get("style", "")
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            page.headings.append((int(tag[1]), ""))
        if tag == "code":
            page.code.append("")
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            return
        if "style" in self.open:
            self.page.styles += data
            return
        if self.open[-1:] == ["title"] and "svg" not in self.open:
            self.page.title += data
        if "code" in self.open:
            self.page.code[-1] += data
        if self.page.headings and any(tag in self.open for tag in ("h1", "h2", "h3", "h4", "h5", "h6")):
            level, text = self.page.headings[-1]
            self.page.headings[-1] = (level, text + data)
        self.page.text += data


def read_page(path: Path) -> Page:
    """A page as the tests look at it."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page
