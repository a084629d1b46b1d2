"""The pages in a real browser with the network off: no console message, no request to anywhere.

Needs Chromium; without it the tests skip and say so.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
OWN = ("file:", "data:", "chrome", "blob:", "about:", "devtools:")
BROWSERS_OWN = re.compile(r"https?://[^/]*\.(google|googleapis|gstatic|gvt1)\.com")
TIMEOUT_S = 120


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What a browser saw of a page: the page after loading, console messages, addresses asked."""

    dom: str
    console: tuple[str, ...]
    requests: tuple[str, ...]


@pytest.fixture(scope="session")
def browser() -> str:
    """Path of a Chromium."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser to open the pages in ({', '.join(NAMES)}); install chromium")
    return found


def visit(browser: str, page: Path, folder: Path) -> Visit:
    """Open a page, wait until it is loaded, and listen."""
    log = folder / "net.json"
    command = [browser, *QUIET, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom"]
    done = subprocess.run(
        [*command, page.resolve().as_uri()],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    asked = {
        event["params"]["url"]
        for event in json.loads(log.read_text(encoding="utf-8"))["events"]
        if isinstance(event.get("params", {}).get("url"), str)
    }
    foreign = (url for url in asked if not url.startswith(OWN) and not BROWSERS_OWN.match(url))
    return Visit(
        dom=done.stdout,
        console=tuple(re.findall(r"CONSOLE[:(].*", done.stderr)),
        requests=tuple(sorted(foreign)),
    )


def test_the_listener_hears_errors_and_requests(browser: str, tmp_path: Path):
    """Without this the tests below could not fail."""
    page = tmp_path / "loud.html"
    page.write_text(
        "<!DOCTYPE html><title>x</title><img src='http://example.invalid/a.png'>"
        "<script>console.error('something is wrong'); nothing.here()</script>",
        encoding="utf-8",
    )
    heard = visit(browser, page, tmp_path)
    assert any("something is wrong" in line for line in heard.console)
    assert any("nothing is not defined" in line for line in heard.console)
    assert "http://example.invalid/a.png" in heard.requests


@pytest.mark.parametrize("name", ["report.html", "patients/P01/report.html"])
def test_a_page_opens_without_a_word_and_without_a_request(
    browser: str, fake_out: Path, tmp_path: Path, name: str
):
    """All it needs is within it."""
    heard = visit(browser, fake_out / name, tmp_path)
    assert heard.console == ()
    assert heard.requests == ()
    assert "Research use; not a medical device" in heard.dom


def test_every_picture_of_a_page_can_be_shown(browser: str, fake_out: Path, tmp_path: Path):
    """The browser decodes each data URI: none is left without a size."""
    page = (fake_out / "patients" / "P01" / "report.html").read_text(encoding="utf-8")
    page = re.sub(r"<meta http-equiv[^>]+>", "", page)  # or the script below would not run
    script = (
        "<script>"
        "const uris = [...document.images].map(i => i.src).concat("
        "[...document.querySelectorAll('image')].map(i => i.getAttribute('href')));"
        "let shown = 0; const tell = () => document.title = `shown ${shown} of ${uris.length}`;"
        "for (const uri of uris) { const i = new Image(); i.onload = () => {"
        "shown += i.naturalWidth > 0; tell() }; i.src = uri }</script></body>"
    )
    copy = tmp_path / "page.html"
    copy.write_text(page.replace("</body>", script), encoding="utf-8")
    title = re.search(r"<title>shown (\d+) of (\d+)</title>", visit(browser, copy, tmp_path).dom)
    assert title is not None
    assert title[1] == title[2]
    assert int(title[2]) > 40
