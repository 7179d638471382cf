"""A value as Jupyter shows it: plain text, and what the user's `halo_display` made of it.

In: a Value. Out: `data` and `metadata` of Jupyter's messages. No I/O.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from halojit.repl.outcome import Picture, Value


def bundle(value: Value) -> dict[str, Any]:
    """The value in all its forms."""
    forms = {each.mime: _data(each) for each in value.pictures}
    return {"data": {"text/plain": str(value)} | forms, "metadata": {}}


def _data(picture: Picture) -> Any:
    """As Jupyter wants it: text as it is, JSON parsed, other bytes in base64."""
    mime = picture.mime.partition(";")[0].strip()
    if mime.startswith("text/") or mime.endswith(("+xml", "/javascript", "/xml")):
        return picture.data.decode(errors="replace")
    if mime.endswith(("/json", "+json")):
        try:
            return json.loads(picture.data)
        except ValueError:
            return picture.data.decode(errors="replace")
    return b64encode(picture.data).decode()
