"""The objective with its live numbers: the total and its terms from the same split and the same weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from genexplorer.session.wording import number
from trainers.theory import Term, Theory

_PATTERNS = ("test/{}_ema", "test/{}_raw", "train/{}")  # the best figure first


@dataclass(frozen=True)
class Breakdown:
    """An objective written out. Values are as the metrics have them; `sign` of a term says how it counts."""

    name: str  # "ELBO"
    unit: str
    total: float
    terms: tuple[tuple[Term, float], ...]
    pattern: str  # "test/{}_ema": where the figures come from

    @property
    def source(self) -> str:
        """Where the figures come from, for people."""
        return {_PATTERNS[0]: "test set, EMA weights", _PATTERNS[1]: "test set, raw weights"}.get(
            self.pattern, "training batch"
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """The unit and the source in ever fewer words, for where there is little room."""
        short = "train" if self.pattern == _PATTERNS[2] else "test"
        return f"{self.unit}, {self.source}", f"{self.unit}, {short}", self.unit

    def metric(self, term: Term) -> str:
        """Return the name of the metric behind a term, whose curve a click opens."""
        return self.pattern.format(term.quantity)

    def one_line(self, *, full: bool = False) -> str:
        """Return 'ELBO −148.2 = −142.0 − 6.2 KL'; `full` names the first term as well."""
        parts = [f"{self.name} {self._figure(self.total)} ="]
        for place, (term, value) in enumerate(self.terms):
            signed = term.sign * value
            shown = self._figure(signed)
            if place:
                shown = f"{'−' if _below(signed) else '+'} {self._figure(abs(signed))}"
            parts.append(f"{shown} {term.name}" if place or full else shown)
        return " ".join(parts)

    def _figure(self, value: float) -> str:
        """Write every figure of the line with the same digits, so that a reader can add them up."""
        if not math.isfinite(value) or abs(value) >= 1e6:
            return number(value)
        return f"{value:.{1 if abs(self.total) >= 10 else 3}f}".replace("-", "−")


def breakdown(theory: Theory, values: Mapping[str, float]) -> Breakdown | None:
    """Return the objective with the best figures there are: test EMA, else test raw, else train.

    Args:
        theory: The family's text.
        values: The latest value of each metric by its name.
    Returns:
        None as long as no split has the total and all of its terms.
    """
    for pattern in _PATTERNS:
        names = [pattern.format(quantity) for quantity in (theory.total, *(term.quantity for term in theory.terms))]
        if all(name in values for name in names):
            terms = tuple((term, float(values[pattern.format(term.quantity)])) for term in theory.terms)
            return Breakdown(theory.total_name, theory.unit, float(values[names[0]]), terms, pattern)
    return None


def _below(value: float) -> bool:
    return math.copysign(1.0, value) < 0
