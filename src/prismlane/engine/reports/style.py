"""The style sheet of a report, and the policy that lets a page be styled by it and do nothing else."""

import base64
import hashlib
from functools import cache
from importlib import resources


@cache
def style_sheet() -> str:
    """The style sheet that every report carries."""
    file = resources.files("prismlane.engine.reports") / "templates" / "report.css"
    return file.read_text(encoding="utf-8")


@cache
def content_security_policy() -> str:
    """The policy that a report carries, for servers that send it as a header too: its own style sheet and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style_sheet().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
