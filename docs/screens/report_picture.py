"""A picture of a report for the documentation: `python docs/screens/report_picture.py REPORT.html NAME OUT.svg`.

The page gives its pictures their colour; alone they bring their own, for light and for dark screens.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

COLOURS = "<style>svg{color:#1c2127}@media (prefers-color-scheme:dark){svg{color:#e3e7eb}}</style>"


def extract(page: str, name: str) -> str:
    """The SVG of that name as a file of its own."""
    found = re.search(rf'<figure id="picture-{re.escape(name)}">(<svg.*?</svg>)', page, re.DOTALL)
    if found is None:
        names = ", ".join(re.findall(r'<figure id="picture-([^"]+)"', page))
        raise SystemExit(f"there is no picture {name!r}: {names}")
    svg = re.sub(r'style="width:100%;max-width:([\d.]+)pt[^"]*"', r'width="\1pt"', found[1], count=1)
    return re.sub(r"(<svg[^>]*>)", rf"\1{COLOURS}", svg, count=1) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("name")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.write_text(extract(given.report.read_text(), given.name))


if __name__ == "__main__":
    main()
