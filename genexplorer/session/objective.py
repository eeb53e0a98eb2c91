"""The objective with its latest values: total and terms from the same split and the same weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from genexplorer.session.formatting import number
from trainers.theory import METRIC_PATTERNS, Term, Theory, best_pattern


@dataclass(frozen=True)
class Breakdown:
    """An objective and its terms. Values are those of the metrics; a term counts with its `sign`."""

    name: str  # "ELBO"
    unit: str
    total: float
    terms: tuple[tuple[Term, float], ...]  # empty until all are known
    pattern: str  # "test/{}_ema": source of the values
    also: tuple[tuple[Term, float], ...] = ()  # further values, each from the best split that has it

    @property
    def source(self) -> str:
        """Source of the values: 'test set, EMA weights'."""
        sources = ("test set, EMA weights", "test set, raw weights", "training batch")
        return sources[METRIC_PATTERNS.index(self.pattern)]

    @property
    def sources(self) -> tuple[str, ...]:
        """Unit and source in several lengths, the longest first."""
        short = "train" if self.pattern.startswith("train/") else "test"
        return f"{self.unit}, {self.source}", f"{self.unit}, {short}", self.unit

    def metric(self, term: Term) -> str:
        """Return the name of a term's metric."""
        return self.pattern.format(term.quantity)

    @property
    def lines(self) -> tuple[str, ...]:
        """The objective in several lengths, the longest first, with the first further value."""
        wide = (self.one_line(full=True, brief=brief, also=also) for also in (1, 0) for brief in (False, True))
        return *wide, self.one_line(), self.one_line(brief=True), f"{self.name} {self._format(self.total, True)}"

    def one_line(self, *, full: bool = False, brief: bool = False, also: int = 0) -> str:
        """Return 'ELBO −148.2 = −142.0 − 6.2 KL'.

        Args:
            full: Name the first term as well.
            brief: Write small values with two decimals, not three.
            also: Number of further values to add; in brief, terms near zero are then omitted.
        """
        head = f"{self.name} {self._format(self.total, brief)}"
        beside = [f" · {term.name} {self._format(value, brief)}" for term, value in self.also[:also]]
        parts = [
            self._part(i, full, brief)
            for i, (term, value) in enumerate(self.terms)
            if term.symbol != "0" and not (brief and beside and i and abs(value) < 0.005)
        ]
        return " ".join([head, *(["=", *parts] if parts else [])]) + "".join(beside)

    def _part(self, index: int, full: bool, brief: bool) -> str:
        """Write a term with its sign; a negative value after a sign is put in parentheses."""
        term, value = self.terms[index]
        if not index:
            text = self._format(term.sign * value, brief)
            return f"{text} {term.name}" if full else text
        text = self._format(value, brief)
        return f"{sign_of(term)} {f'({text})' if is_negative(value) else text} {term.name}"

    def _format(self, value: float, brief: bool) -> str:
        """Format a value; all values of a line have the same decimals, so that they add up."""
        if not math.isfinite(value) or abs(value) >= 1e6:
            return number(value)
        digits = 1 if abs(self.total) >= 10 else 2 if brief else 3
        return f"{value:.{digits}f}".replace("-", "−")


def sign_of(term: Term) -> str:
    """Return the sign of a term: '+' or '−'."""
    return "+" if term.sign > 0 else "−"


def is_negative(value: float) -> bool:
    """Return whether a value is written with a minus sign, as −0.0 is; NaN is not."""
    return math.copysign(1.0, value) < 0 and not math.isnan(value)


def breakdown(theory: Theory, values: Mapping[str, float]) -> Breakdown | None:
    """Return the objective with the best values available: test EMA, else test raw, else train.

    Args:
        theory: The family's theory.
        values: The latest value of each metric.
    Returns:
        None until a split has the total; the total alone until a split has all terms.
    """
    also = tuple(
        (term, float(values[pattern.format(term.quantity)]))
        for term in theory.also
        if (pattern := best_pattern(term.quantity, values))
    )
    for terms in (theory.terms, ()):
        for pattern in METRIC_PATTERNS:
            names = [pattern.format(quantity) for quantity in (theory.total, *(term.quantity for term in terms))]
            if all(name in values for name in names):
                term_values = tuple((term, float(values[pattern.format(term.quantity)])) for term in terms)
                return Breakdown(theory.total_name, theory.unit, float(values[names[0]]), term_values, pattern, also)
    return None
