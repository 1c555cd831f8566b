"""A model of results over the space: what a point would probably give, and what raw means cannot say.

Owns the one model of the analyses; the search fits its own. It has two heads, both functions whose kernels are drawn
(`functions`), which differ in what they are told of a result. `values` has the result itself, a wild one tamed: for
figures in the metric's units. `ranks` has the normal score of its rank: for tests of trends and shares of what is
explained, which no bad end of the results may rule. Which results are kept, of more than a model can take, differs with
the question as well: about the best point the search's own choice (`bound.MODEL`), about the points tried evenly many
of all ranks (`bound.EVEN`). A function of the results alone: no clock, no chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import norm, rankdata, t

from tuned.analyses.intervals import deviation
from tuned.analyses.models.encoding import encoded
from tuned.analyses.models.functions import Functions
from tuned.analyses.robust import limit_of
from tuned.analyses.study_data import Floats
from tuned.core.search.bound import EVEN, Mix, bounded
from tuned.core.space import Parameter, Point, SearchSpace, Value

LEAST = 8
"""Results without which nothing is modelled."""
MOST = 300
"""Results that are modelled, as of the search's own model."""
AVERAGED = 120
"""Of the points tried, evenly over their ranks: marginals are means over these."""


@dataclass(frozen=True, slots=True)
class Marginal:
    """The mean result at a value, and an interval that holds it about nine times of ten; less is better."""

    mean: float
    low: float
    high: float


class Model:
    """Results as a function of the point.

    Args:
        points: Those tried.
        results: One for each, smaller is better, finite.
        mix: Which are kept of more than `MOST`.

    Attributes:
        kept: Positions of the results that it is made of.
        of: How many there were.
        x: (results, features), of those kept.
        tamed: Results kept, as far as it is told.
    """

    def __init__(self, space: SearchSpace, points: Sequence[Point], results: Floats, mix: Mix = EVEN) -> None:
        self.space, self.of = space, len(results)
        self.kept = bounded(list(range(self.of)), results[:, None].tolist(), MOST, mix)
        self._points = [points[i] for i in self.kept]
        self.x = encoded(space, self._points)
        self._results = results[self.kept]
        self.tamed = np.minimum(self._results, limit_of(self._results))
        self._shift, self._scale = float(self.tamed.mean()), deviation(self.tamed) or 1.0
        self._marginals: dict[tuple[str, Value], Marginal] = {}

    @cached_property
    def values(self) -> Functions:
        """Functions that may lie behind the results, on a scale of mean 0 and deviation 1."""
        return Functions(self.x, (self.tamed - self._shift) / self._scale)

    @cached_property
    def ranks(self) -> Functions:
        """Functions that may lie behind the normal scores of their ranks."""
        places = (rankdata(self._results) - 0.5) / len(self._results)
        return Functions(self.x, norm.ppf(places))

    def predict(self, points: Sequence[Point]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the result at points, noise left out."""
        mean, spread = self.values.moments(encoded(self.space, points))
        return mean * self._scale + self._shift, spread * self._scale

    def expected(self, points: Sequence[Point]) -> Floats:
        """The mean alone, which takes less."""
        return self.values.mean(encoded(self.space, points)) * self._scale + self._shift

    def left_out(self) -> tuple[Floats, Floats]:
        """Each result kept, and its deviation, as the others say, noise included."""
        mean, spread = self.values.left_out()
        return mean * self._scale + self._shift, spread * self._scale

    @property
    def explained(self) -> float:
        """Share of the variance of the ranks that the model predicts for trials left out, one at a time; may be < 0."""
        errors = self.ranks.y - self.ranks.left_out()[0]
        return float(1.0 - np.mean(errors**2) / np.var(self.ranks.y))

    @property
    def unexplained(self) -> Floats:
        """(points,), in the order given: each rank's score minus its prediction without that trial; less is better.

        Of more than `MOST` the others are as the model predicts.
        """
        found = np.zeros(self.of)
        # Equal results differ by rounding alone, of which a rank test makes a trend.
        found[self.kept] = np.round(self.ranks.y - self.ranks.left_out()[0], 9)
        return found

    def marginal(self, parameter: Parameter, value: Value) -> Marginal:
        """The mean result over the points tried, each with one value put in, the others of its values as they were.

        Of the functions drawn: their mean, and the interval that holds 95 % of them. Conditional parameters that do not
        fit the value stay as they are: their effect is averaged with the rest.
        """
        known = self._marginals.get((parameter.name, value))
        if known is not None:
            return known
        means = self.values.at(self._with(parameter, value)).mean(axis=1) * self._scale + self._shift
        # Of few draws: the spread is known by them alone, and so is the middle.
        wide = float(t.ppf(0.975, len(means) - 1)) * float(np.sqrt(1 + 1 / len(means)))
        middle, reach = float(means.mean()), wide * deviation(means, 1)
        found = self._marginals[parameter.name, value] = Marginal(middle, middle - reach, middle + reach)
        return found

    def main_effect(self, parameter: Parameter, values: Sequence[Value]) -> float:
        """Variance of the marginal over these values, as a share of that of the ranks; 0.0 to 1.0."""
        means = [float(self.ranks.mean(self._with(parameter, value)).mean()) for value in values]
        return min(1.0, float(np.var(means)) / float(np.var(self.ranks.y))) if means else 0.0

    def _with(self, parameter: Parameter, value: Value) -> Floats:
        order = np.argsort(self._results, kind="stable")
        some = order[np.linspace(0, len(order) - 1, min(AVERAGED, len(order))).round().astype(int)]
        return encoded(self.space, [{**self._points[i], parameter.name: value} for i in some])
