"""The study's insights: importance bars, one parameter's effect, and the advice."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

from tui import format as fmt
from tui.advice import ADVICE, EFFECTS, IMPORTANCE, Advice, Effect, Share, advice, effects, is_weak, shares
from tui.braille import bar
from tui.cells import Line, clean, fit, line
from tui.context import Context
from tui.views.frame import filled, folded, pane_title

_LEVELS = {"fail": ("FAIL", "bad"), "warn": ("WARN", "warn"), "info": ("INFO", "dim")}


def known_effects(context: Context) -> list[Effect]:
    """The effects that have arrived, most important first."""
    return effects(context.store.answers.get(EFFECTS, {}), known_shares(context))


def known_shares(context: Context) -> dict[str, Share]:
    """The importance that has arrived; empty before, and where there are too few trials for a model."""
    return shares(context.store.answers.get(IMPORTANCE, {}))


def importance(context: Context, cursor: int, width: int, height: int, focused: bool) -> list[Line]:
    """A bar for each parameter: its share of the objective's variation and the interval of that.

    Before there is a model: how much the means of its values differ, as a share of the largest.
    """
    found, known, glyphs = known_effects(context), known_shares(context), context.glyphs
    weak = known and is_weak(context.store.answers.get(IMPORTANCE, {}))
    extra = ("weak model: read with care" if weak else "share of variation") if known else "spread of means"
    lines = [pane_title("Importance", extra, width, glyphs, focused)]
    if not found:
        return filled([*lines, line((" " + _missing(context, EFFECTS), "dim"))], width, height)
    largest = max(effect.spread for effect in found)
    names = max(6, min(16, max(len(effect.name) for effect in found)))
    tail = 17 if known and width >= 48 else 10
    room = max(4, width - names - tail - 4)
    top = max(0, cursor - max(1, height - 1) + 1)
    for index, effect in enumerate(found[top:], start=top):
        here = index == cursor
        base = "cursor" if here and focused else "strong" if here else "text"
        if effect.name in known:
            share = known[effect.name].share
            text = _share(known[effect.name], wide=tail > 10)
        else:
            share = effect.spread / largest if largest > 0 and not known else 0.0
            text = fmt.number(effect.spread, 3) if effect.spread and not known else glyphs.none
        lines.append(
            line(
                (glyphs.cursor if here else " ", "mark"),
                (fit(clean(effect.name), names, more=glyphs.more) + " ", base),
                (fit(bar(share, room, glyphs), room), "run"),
                (fit(text, tail, ">"), "text"),
            )
        )
    return filled(lines, width, height)


def _share(found: Share, *, wide: bool) -> str:
    text = f"{100 * found.share:.0f} %"
    return f"{text} ({100 * found.low:.0f} .. {100 * found.high:.0f})" if wide else text


def effect(context: Context, cursor: int, width: int, height: int, focused: bool) -> list[Line]:
    """The table of one parameter: its values or ranges, with a bar for the mean."""
    found, glyphs, store = known_effects(context), context.glyphs, context.store
    chosen = found[cursor] if cursor < len(found) else None
    title = f"Effect of {clean(chosen.name)}" if chosen else "Effect"
    lines = [pane_title(title, clean(store.objective or ""), width, glyphs, focused)]
    if chosen is None or not chosen.levels:
        known = EFFECTS in store.answers
        text = "no finished trial to compare yet" if known else _missing(context, EFFECTS)
        return filled([*lines, line((" " + text, "dim"))], width, height)
    means = [level.mean for level in chosen.levels if math.isfinite(level.mean)]
    low, high = (min(means), max(means)) if means else (0.0, 0.0)
    good = low if store.minimizes else high
    names = min(24, max(len(level.value) for level in chosen.levels))
    room = max(0, width - names - 31)
    lines.append(line((" " + fit("", names) + " TRIALS      MEAN      BEST", "dim")))
    for level in chosen.levels:
        style = "best" if level.mean == good else "text"
        share = (level.mean - low) / (high - low) if high > low and math.isfinite(level.mean) else 0.0
        lines.append(
            line(
                (" " + fit(clean(level.value), names, more=glyphs.more), style),
                (f"{level.trials:7d}", "text"),
                (fit(fmt.number(level.mean), 10, ">") + fit(fmt.number(level.best), 10, ">") + " ", style),
                (bar(share, min(room, 24), glyphs) if room >= 6 else "", "run"),
            )
        )
    for note in chosen.notes:
        lines += [line((" " + piece, "dim")) for piece in folded(clean(note), width - 2)]
    return filled(lines, width, height)


def known_advice(context: Context) -> list[Advice]:
    """The verdicts that have arrived."""
    answer = context.store.answers.get(ADVICE)
    return advice(answer) if answer is not None else []


def verdicts(context: Context, cursor: int, top: int, width: int, height: int, focused: bool) -> list[Line]:
    """The advice from its line `top` on: each verdict with its evidence, its remedy and the command for it."""
    glyphs, store = context.glyphs, context.store
    found = known_advice(context)
    pressing = sum(verdict.level != "info" for verdict in found)
    lines = [pane_title("Advice", f"{pressing} to act on" if pressing else "", width, glyphs, focused)]
    if store.answers.get(ADVICE) is None:
        return filled([*lines, line((" " + _missing(context, ADVICE), "dim"))], width, height)
    body, places = _advice(context, width)
    if focused and found:
        begin = places.index(cursor)
        first = body[begin]
        body[begin] = ((glyphs.cursor, "cursor"), (first[0][0][1:], first[0][1]), *first[1:])
    return filled([*lines, *body[top:]], width, height)


def advice_top(context: Context, cursor: int, top: int, width: int, height: int) -> int:
    """The first line of the advice to show: `top`, or the nearest one with which the cursor's verdict is in sight."""
    body, places = _advice(context, width)
    begin, end, room = bisect_left(places, cursor), bisect_right(places, cursor), height - 1
    return max(0, min(max(top, end - room), begin, len(body) - room))


def verdict_at(context: Context, top: int, width: int, y: int) -> int | None:
    """The verdict that is drawn in line `y` of the pane; None where there is none."""
    _, places = _advice(context, width)
    return places[top + y - 1] if 1 <= y <= len(places) - top else None


def _advice(context: Context, width: int) -> tuple[list[Line], list[int]]:
    """The lines below the title: the verdicts, then the notes; and to which verdict each of the former belongs."""
    body: list[Line] = []
    places: list[int] = []
    for place, verdict in enumerate(known_advice(context)):
        body += _verdict(verdict, width)
        places += [place] * (len(body) - len(places))
    for note in context.store.answers.get(ADVICE, {}).get("notes", ()):
        body += [line((" " + piece, "dim")) for piece in folded(clean(str(note)), width - 2)]
    return body, places


def _verdict(verdict: Advice, width: int) -> list[Line]:
    word, style = _LEVELS.get(verdict.level, ("INFO", "dim"))
    first, *rest = folded(clean(verdict.what), max(10, width - 8)) or [""]
    lines = [line((f" {word}  ", style), (first, "text")), *(line(("       " + text, "text")) for text in rest)]
    about = ", ".join(filter(None, (verdict.code, *verdict.evidence)))
    lines += [line(("       " + text, "dim")) for text in folded(clean(about), max(10, width - 8))]
    for text, mark in ((verdict.remedy, "good"), (verdict.command, "key")):
        lines += [line(("       " + piece, mark)) for piece in folded(clean(text), max(10, width - 8))]
    return lines


def _missing(context: Context, kind: str) -> str:
    store = context.store
    return store.answer_problems.get(kind) or ("asking the playbook" if store.connected else "no daemon")
