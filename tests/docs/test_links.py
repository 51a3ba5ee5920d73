"""Every link and anchor inside the site leads somewhere, and nothing is loaded from elsewhere."""

import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from tests.docs.conftest import SITE_URL
from tests.docs.pages import Page

OUTSIDE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


def test_internal_links_and_anchors(pages: dict[str, Page], site: Path) -> None:
    broken = []
    for address, page in pages.items():
        for link in page.links:
            target, anchor = urldefrag(urljoin(SITE_URL + address, link))
            if not target.startswith(SITE_URL):
                assert target.startswith(("https://", "http://")), f"{address}: {link}: leaves the site"
                continue
            path = unquote(urlsplit(target).path).removeprefix(urlsplit(SITE_URL).path)
            if path in pages:
                if anchor and unquote(anchor) not in pages[path].ids:
                    broken.append(f"{address}: {link}: no such anchor")
            elif not (site / path).is_file():
                broken.append(f"{address}: {link}: no such page")
    assert not broken, "\n".join(broken[:40])


def test_pages_load_nothing_from_elsewhere(pages: dict[str, Page]) -> None:
    for address, page in pages.items():
        outside = [one for one in page.resources if OUTSIDE.match(one) and not one.startswith(SITE_URL)]
        assert not outside, f"{address}: {outside}"
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", page.styles), address


def test_styles_and_own_scripts_load_nothing_from_elsewhere(site: Path) -> None:
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import\s+['\"]?(?:https?:)?//", sheet.read_text("utf-8")), (
            sheet
        )
    for script in (site / "javascripts").glob("*.js"):
        assert not re.search(r"https?://|fetch\(|XMLHttpRequest|WebSocket|sendBeacon", script.read_text("utf-8")), (
            script
        )


def test_no_font_is_shipped_or_asked_for(pages: dict[str, Page], site: Path) -> None:
    assert not [path for path in site.rglob("*") if path.suffix in {".woff", ".woff2", ".ttf"}]
    assert not any("fonts." in resource for page in pages.values() for resource in page.resources)
