"""How much of a result may be noise: what the model believes before it has seen any.

BoTorch believes in a logarithm of the variance of -4 +- 1 (of standardised results), at least 1e-4. Where nothing is
noise that leaves a deviation of 0.08: the best few results look alike, and the next points go elsewhere instead of
refining them. Ours is broad enough to leave it to the results.
"""

from __future__ import annotations

from ax.generators.torch.botorch_modular.surrogate import ModelConfig, SurrogateSpec
from botorch.models import SingleTaskGP
from gpytorch.constraints import GreaterThan
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.priors import LogNormalPrior

MIDDLE, SPREAD = -3.0, 2.0
"""Of the logarithm of the variance."""
LEAST = 1e-6


class Noise(GaussianLikelihood):  # type: ignore[misc]
    """Noise of one outcome, inferred."""

    def __init__(self) -> None:
        prior = LogNormalPrior(loc=MIDDLE, scale=SPREAD)
        likeliest = GreaterThan(LEAST, transform=None, initial_value=prior.mode)
        super().__init__(noise_prior=prior, noise_constraint=likeliest)


PLAIN = SurrogateSpec(
    model_configs=[ModelConfig(botorch_model_class=SingleTaskGP, likelihood_class=Noise, name="plain")]
)
"""Ax's own model of rows that are features already, with this noise."""
