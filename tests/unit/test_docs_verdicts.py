"""The page of verdicts lists every code that a rule can give, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FAMILIES = "device|curve|length|space|stopping|batch|gradients|size|data|compare|confirm|ensemble"


def test_every_verdict_is_listed():
    # Codes are the second argument of a verdict; tables have names of the same form.
    pattern = re.compile(
        r'(?:"(?:info|warn|fail)"|"fail" if still else "warn"|level|if why else "info"|LEAK else "warn"|"info")'
        rf'[^,\n]*,\s*"((?:{FAMILIES})\.[a-z-]+)"'
    )
    given = {code for path in (ROOT / "tuned/analyses").rglob("*.py") for code in pattern.findall(path.read_text())}
    assert len(given) > 20
    page = (ROOT / "docs/playbook-verdicts.md").read_text()
    listed = set(re.findall(rf"^\| `((?:{FAMILIES})\.[a-z-]+)`", page, re.MULTILINE))
    assert listed == given
