"""Reading a chart: a line through a step, a part of the axis, smoothing, the clock, all metrics at once."""

from __future__ import annotations

from tui.screens.log_keys import LogKeys
from tui.views import curves

SMOOTH = (0.0, 0.6, 0.9)
"""Weights of the past, one after the other."""
PACES = 40
"""Steps of the line through the chart, from one end to the other."""


class Charting(LogKeys):
    """A screen that may show a chart."""

    def _ends(self) -> tuple[float, float] | None:
        return self.context.chart.zoom or curves.ends(curves.curve_series(self.context))

    def move_cross(self, by: int) -> bool:
        """Move the line through the chart; false where there is none to move."""
        ends, view = self._ends(), self.context.chart
        if ends is None:
            return False
        low, high = ends
        pace = max((high - low) / PACES, 0.0 if view.clock else 1.0)
        here = high + (pace if by < 0 else 0) if view.cross is None else view.cross
        place = max(low, min(here + by * pace, high))
        view.cross = place if view.clock else float(round(place))
        return True

    def leave_chart(self) -> bool:
        """Take back the line, then the zoom; false where there is neither."""
        view = self.context.chart
        if view.cross is not None:
            view.cross = None
        elif view.zoom is not None:
            view.zoom = None
        else:
            return False
        return True

    def do_zoom_in(self) -> None:
        """Draw half of the axis: that around the line, else the later half."""
        ends, view = self._ends(), self.context.chart
        if ends is None:
            self.context.say("no curve to zoom into", "dim")
            return
        low, high = ends
        half = (high - low) / 2
        middle = min(max(view.cross if view.cross is not None else high, low + half / 2), high - half / 2)
        if half > 0 and (view.clock or half >= 1):
            view.zoom = (middle - half / 2, middle + half / 2)

    def do_zoom_out(self) -> None:
        """Draw twice as much of the axis, at last all of it."""
        view = self.context.chart
        whole = curves.ends(curves.curve_series(self.context))
        if view.zoom is None or whole is None:
            return
        low, high = view.zoom
        size = min(2 * (high - low), whole[1] - whole[0])
        low = max(whole[0], min(low - size / 4, whole[1] - size))
        high = low + size
        view.zoom = None if (low, high) == whole else (low, high)

    def do_smooth(self) -> None:
        """Draw a moving average, a smoother one, or the values."""
        view = self.context.chart
        view.smooth = SMOOTH[(SMOOTH.index(view.smooth) + 1) % len(SMOOTH)]
        self.context.say(f"moving average, weight of the past {view.smooth:g}" if view.smooth else "values as reported")

    def do_clock(self) -> None:
        """Draw over the time since the first report, or over the steps."""
        view = self.context.chart
        view.clock, view.cross, view.zoom = not view.clock, None, None
        self.context.say("minutes since the first report" if view.clock else "steps", "dim")

    def do_metrics(self) -> None:
        """A chart for each metric, or one."""
        self.context.chart.grid = not self.context.chart.grid
