"""The PDF of a printed page: A4, tagged, by WeasyPrint where Pango is found, else by an installed browser."""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
BROWSER_SECONDS = 120
CONTENTS = re.compile(r"<nav\b.*?</nav>", re.DOTALL)
ENTRY = re.compile(r'(<a href="#([\w-]+)">.*?)(?=</a>)', re.DOTALL)
# Pango's caches are shared by the threads of a process.
_one_at_a_time = Lock()


def engine() -> str | None:
    """The name of what prints PDF on this machine; None when there is nothing that does."""
    return next((name for name, write in _engines() if write is not None), None)


def _engines() -> Iterator[tuple[str, Callable[[Path], bytes] | None]]:
    yield "WeasyPrint", _weasyprint()
    yield "Chromium", _chromium()


def pdf(source: Path, target: Path) -> str | None:
    """Print an HTML report to PDF; returns the engine's name, or None when there is none.

    The file is written whole or not at all.
    """
    for name, write in _engines():
        if write is not None:
            handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".pdf")
            with os.fdopen(handle, "wb") as file:
                file.write(write(source))
            Path(temporary).chmod(0o644)
            Path(temporary).replace(target)
            return name
    return None


@cache
def _weasyprint() -> Callable[[Path], bytes] | None:
    """The printer that knows page numbers in contents, running titles, bookmarks and tags; None without Pango."""
    try:
        import weasyprint
    except OSError:
        return None
    for logger in ("weasyprint", "fontTools"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)

    def write(source: Path) -> bytes:
        from weasyprint.urls import URLFetcher

        # Nothing but what is in the file itself: no other file, no other machine.
        fetcher = URLFetcher(allowed_protocols=("data",))
        with _one_at_a_time:
            page = weasyprint.HTML(string=source.read_text(encoding="utf-8"), url_fetcher=fetcher)
            content: bytes = page.write_pdf(pdf_variant="pdf/ua-1")
        return content

    return write


@cache
def _chromium() -> Callable[[Path], bytes] | None:
    """The printer of an installed browser; None without one."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        return None

    def write(source: Path) -> bytes:
        page = source.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            first = _print(found, page, Path(folder))
            return _print(found, _with_page_numbers(page, first), Path(folder))

    return write


def _print(browser: str, page: str, folder: Path) -> bytes:
    source, target = folder / "page.html", folder / "page.pdf"
    source.write_text(page, encoding="utf-8")
    command = [browser, "--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer"]
    command += ["--generate-pdf-document-outline", f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={target}"]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        command.append("--no-sandbox")
    subprocess.run([*command, source.as_uri()], check=True, capture_output=True, timeout=BROWSER_SECONDS)
    return target.read_bytes()


def _with_page_numbers(page: str, printed: bytes) -> str:
    """The page with a number at each line of its contents, read from a first print: browsers cannot count there."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(printed))
    places: dict[str, Any] = reader.named_destinations

    def numbered(match: re.Match[str]) -> str:
        place = places.get(match[2]) or places.get("/" + match[2])
        number = reader.get_destination_page_number(place) if place else None
        return match[1] if number is None else f'{match[1]}<span class="sp-page">{number + 1}</span>'

    return CONTENTS.sub(lambda contents: ENTRY.sub(numbered, contents[0]), page)
