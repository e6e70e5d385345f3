"""The folder of a run: documents delivered whole, remembered one by one, and listed in ``run.json``."""

from __future__ import annotations

import dataclasses
import glob
import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from salespilot import __version__
from salespilot.dataset import Dataset
from salespilot.intake.cache import FOLDER, digest
from salespilot.report.draft import PREFIX, Draft
from salespilot.report.made import Entry, Record
from salespilot.report.twin import plain


class Shelf:
    """The documents of one client at one date in one language.

    ``folder`` is where they lie; what is remembered of each lies in ``CLIENT/.salespilot/made``, so that a run cut
    short leaves every finished document known.
    """

    def __init__(self, opened: Dataset, language: str) -> None:
        assert opened.client is not None
        place = Path(opened.as_of.isoformat()) / language
        self.opened, self.language = opened, language
        self.folder = opened.client.folder / "reports" / place
        self.memory = opened.client.folder / FOLDER / "made" / place
        for folder in (self.folder, self.memory):
            folder.mkdir(parents=True, exist_ok=True)

    def records(self) -> dict[str, Record]:
        """What is remembered of each document, by name."""
        found = {}
        for path in sorted(self.memory.glob("*.json")):
            try:
                given = json.loads(path.read_text(encoding="utf-8"))
                found[given["name"]] = Record(**{**given, "formats": tuple(given["formats"])})
            except (ValueError, TypeError, KeyError):
                path.unlink()
        return found

    def is_whole(self, record: Record) -> bool:
        """Whether every file of a document lies there as it was made."""
        paths = {self.folder / name: sha for name, sha in record.files.items()}
        return all(path.is_file() and digest(path) == sha for path, sha in paths.items())

    def deliver(self, name: str, draft: Draft) -> dict[str, Path]:
        """Put the files of a draft in place of what there was; returns them by kind."""
        self.remove(name)
        if draft.folder is not None:
            for file in draft.files:
                (draft.folder / file).replace(self.folder / file)
            draft.folder.rmdir()
        return self.files(draft.files)

    def files(self, names: Collection[str]) -> dict[str, Path]:
        """Files of a document by kind: html, pdf ..."""
        return {name.rsplit(".", 1)[-1]: self.folder / name for name in names}

    def remember(self, record: Record) -> None:
        """Keep what is known of a document that lies there."""
        _write(self.memory / f"{record.name}.json", dataclasses.asdict(record))

    def remove(self, name: str) -> None:
        """Forget a document and remove its files."""
        (self.memory / f"{name}.json").unlink(missing_ok=True)
        for path in self.folder.glob(f"{glob.escape(name)}.*"):
            if path.stem == name:  # R.1 is not R
                path.unlink()

    def keep_only(self, report: str, names: Collection[str]) -> None:
        """Remove the documents of a report about people who are not among those named."""
        lying = [*self.folder.glob(f"{glob.escape(report)}--*"), *self.memory.glob(f"{glob.escape(report)}--*.json")]
        for name in {path.stem for path in lying} - set(names):
            self.remove(name)

    def sweep(self) -> None:
        """Remove what a run cut short left half made."""
        for folder in (self.folder, self.memory):
            for path in folder.glob(f"{PREFIX}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def list(self, entries: Sequence[Entry]) -> None:
        """Write ``run.json``."""
        opened = self.opened
        content = {
            "salespilot": __version__,
            "client": opened.client.name if opened.client else None,
            "as_of": opened.as_of,
            "months": opened.months,
            "window": [opened.window.start, opened.window.end],
            "language": self.language,
            "fingerprint": opened.intake.fingerprint if opened.intake else None,
            "reports": {
                entry.name: {
                    "state": entry.state,
                    "reason": entry.reason,
                    "seconds": round(entry.seconds, 2),
                    "findings": len(entry.found),
                    "files": sorted(path.name for path in entry.files.values()),
                }
                for entry in entries
            },
        }
        _write(self.folder / "run.json", content)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    draft = path.with_name(f"{PREFIX}{path.name}")
    draft.write_text(json.dumps(plain(content), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
