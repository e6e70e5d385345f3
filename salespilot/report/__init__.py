"""What comes out of a run: executed notebooks, printed pages, PDF, Excel, JSON and the index of them all."""

import sys

# jsonschema, imported by Papermill and nbconvert, loads this where it is installed: two seconds, at every start, to
# build the grammar of a kind of address that no notebook holds.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
