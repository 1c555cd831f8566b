"""The report as one HTML page: nothing is loaded from anywhere, and it reads on light and on dark screens and on paper.

Owns markup and style; what is told is `tuned.analyses.reporting.report`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from tuned.analyses.reporting.pictures import Picture
from tuned.analyses.table import Table, number
from tuned.analyses.verdict import Verdict
from tuned.core.words import UNKNOWN

CSS = """
:root { color-scheme: light dark; --ink: #1c2127; --paper: #ffffff; --soft: #5b6570; --line: #d8dde3; --panel: #f5f7f9;
  --fail: #c0392b; --warn: #b9770e; --info: #2471a3; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7eb; --paper: #15181c; --soft: #98a2ad; --line: #333a42;
  --panel: #1d2227; --fail: #ff7b6b; --warn: #e5b25d; --info: #6cb2e8; } }
* { box-sizing: border-box; } html { font-size: 15px; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1.2rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-top: .4rem;
  border-top: 1px solid var(--line); } h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
.question { font-size: 1.15rem; margin: .2rem 0 .8rem; } .soft, figcaption, .note { color: var(--soft); }
.note, figcaption { font-size: .88rem; margin: .3rem 0 0; } p { margin: .4rem 0; }
nav { display: flex; flex-wrap: wrap; gap: .2rem .9rem; } a { color: var(--info); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(12.5rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.facts div { background: var(--panel); border-radius: .4rem; padding: .5rem .7rem; }
.facts b { display: block; font-size: 1.1rem; overflow-wrap: anywhere; }
.facts span { color: var(--soft); font-size: .82rem; }
.verdict { border-left: .25rem solid var(--info); background: var(--panel); padding: .5rem .8rem; margin: .5rem 0;
  border-radius: 0 .4rem .4rem 0; }
.verdict.warn { border-color: var(--warn); } .verdict.fail { border-color: var(--fail); }
.verdict .level { font-weight: 700; text-transform: uppercase; font-size: .78rem; margin-right: .5rem;
  color: var(--info); }
.verdict.warn .level { color: var(--warn); } .verdict.fail .level { color: var(--fail); }
.evidence { font-size: .82rem; color: var(--soft); }
body { --more: linear-gradient(90deg, var(--paper) 60%, transparent) 0 0 / 2.5rem 100% no-repeat local,
  linear-gradient(270deg, var(--paper) 60%, transparent) 100% 0 / 2.5rem 100% no-repeat local,
  linear-gradient(90deg, var(--line), transparent) 0 0 / .7rem 100% no-repeat scroll,
  linear-gradient(270deg, var(--line), transparent) 100% 0 / .7rem 100% no-repeat scroll; }
.wide { overflow-x: auto; margin: 1.1rem 0 .2rem; background: var(--more); }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .7rem .22rem 0; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.wrap { white-space: normal; min-width: 14rem; } th { color: var(--soft); font-weight: 600; }
th.n, td.n { text-align: right; } caption { text-align: left; font-weight: 600; padding-bottom: .2rem; }
figure { margin: 1rem 0; } figure svg { display: block; height: auto; color: var(--ink); }
figure svg text { font-family: inherit; } pre { background: var(--panel); padding: .7rem .9rem; border-radius: .4rem;
  overflow-x: auto; font-size: .84rem; }
code { font-size: .9em; } details { margin: .8rem 0; } summary { cursor: pointer; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; align-items: start; }
@media (max-width: 42rem) { body { padding: 1rem .8rem 3rem; } table { font-size: .8rem; }
  th, td { padding-right: .5rem; } td.long, th { white-space: normal; }
  td.wrap { min-width: 8.5rem; } pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .facts { grid-template-columns: 1fr 1fr; } figure { overflow-x: auto; background: var(--more); }
  figure svg { min-width: min(30rem, var(--own, 30rem)); } }
@media print { html { font-size: 10px; } body { max-width: none; padding: 0; } pre { white-space: pre-wrap; }
  figure, table, tr, .verdict, .facts { break-inside: avoid; } thead { display: table-header-group; }
  .wide { background: none; overflow: visible; }
  h2, h3, caption, summary { break-after: avoid; } tr:nth-child(-n+2) { break-before: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; } nav { display: none; } }
"""


@dataclass(slots=True)
class Section:
    """A part of the page: its heading and pieces of markup; empty ones are left out."""

    title: str
    pieces: list[str] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """The anchor that links lead to."""
        return "-".join(self.title.lower().split())


def page(title: str, head: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole document."""
    filled = [section for section in sections if section.pieces]
    links = "".join(f'<a href="#{escape(s.anchor)}">{escape(s.title)}</a>' for s in filled)
    body = "\n".join(
        f'<section id="{escape(s.anchor)}"><h2>{escape(s.title)}</h2>\n' + "\n".join(s.pieces) + "\n</section>"
        for s in filled
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        + "\n".join(head)
        + f"\n<nav>{links}</nav>\n{body}\n</body>\n</html>\n"
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Figures that are seen first."""
    return (
        '<div class="facts">'
        + "".join(f"<div><b>{escape(v)}</b><span>{escape(k)}</span></div>" for k, v in pairs)
        + "</div>"
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escape(text)}</p>"


def heading(text: str) -> str:
    """A heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def code(text: str) -> str:
    """Lines to be typed or read as they are."""
    return f"<pre>{escape(text)}</pre>"


def folded(title: str, inside: str) -> str:
    """Something that is unfolded on demand, and printed all the same."""
    return f"<details><summary>{escape(title)}</summary>\n{inside}\n</details>"


def figure(picture: Picture) -> str:
    """A picture with its caption."""
    svg = picture.svg.replace("<svg ", f'<svg role="img" aria-label="{escape(picture.alt, quote=True)}" ', 1)
    return (
        f'<figure id="picture-{escape(picture.name)}">{svg}<figcaption>{escape(picture.caption)}</figcaption></figure>'
    )


def table(one: Table) -> str:
    """A table with its notes."""
    notes = "".join(paragraph(note, "note") for note in one.notes)
    if not one.rows:
        return heading(one.title) + notes
    texts = one.texts()
    # A column without any value says nothing, and pushes others off a narrow screen.
    kept = [i for i in range(len(one.columns)) if any(row[i] != UNKNOWN for row in texts)]
    marks = ["n" if column.is_numeric else "" for column in one.columns]
    head = "".join(_cell("th", one.columns[i].heading, marks[i]) for i in kept)
    rows = "".join("<tr>" + "".join(_cell("td", row[i], marks[i]) for i in kept) + "</tr>\n" for row in texts)
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>"
    return f'<div class="wide"><table><caption>{escape(one.title)}</caption>{body}</table></div>{notes}'


def _cell(tag: str, text: str, mark: str) -> str:
    kind = mark or ("wrap" if len(text) > 40 else "long" if len(text) > 18 else "")
    return f'<{tag} class="{kind}">{escape(text)}</{tag}>' if kind else f"<{tag}>{escape(text)}</{tag}>"


def verdict(one: Verdict) -> str:
    """A verdict with evidence and remedy."""
    about = f' <span class="soft">[{escape(one.about)}]</span>' if one.about else ""
    lines = [f'<p><span class="level">{one.level}</span>{escape(one.what)}{about}</p>']
    if one.remedy:
        lines.append(f"<p>{escape(one.remedy)}</p>")
    if one.command:
        lines.append(f"<p><code>{escape(one.command)}</code></p>")
    pairs = ", ".join(f"{name} {number(value)}" for name, value in one.evidence.items())
    lines.append(f'<p class="evidence">{escape(one.code)}{": " + escape(pairs) if pairs else ""}</p>')
    return f'<div class="verdict {one.level}">{"".join(lines)}</div>'
