"""The objective with its live numbers: the total and its terms from the same split and the same weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from genexplorer.session.formatting import number
from trainers.theory import Term, Theory, split_of

_PATTERNS = ("test/{}_ema", "test/{}_raw", "train/{}")  # the best figure first


@dataclass(frozen=True)
class Breakdown:
    """An objective written out. Values are as the metrics have them; `sign` of a term says how it counts."""

    name: str  # "ELBO"
    unit: str
    total: float
    terms: tuple[tuple[Term, float], ...]  # none as long as not all of them are known
    pattern: str  # "test/{}_ema": where the figures come from
    also: tuple[tuple[Term, float], ...] = ()  # figures beside the objective, each from the best split that has it

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

    @property
    def lines(self) -> tuple[str, ...]:
        """The objective in ever fewer words, for where there is little room; with the first figure beside it."""
        wide = (self.one_line(full=True, brief=brief, also=also) for also in (1, 0) for brief in (False, True))
        return *wide, self.one_line(), self.one_line(brief=True), f"{self.name} {self._figure(self.total, True)}"

    def one_line(self, *, full: bool = False, brief: bool = False, also: int = 0) -> str:
        """Return 'ELBO −148.2 = −142.0 − 6.2 KL'.

        Args:
            full: Name the first term as well.
            brief: Write small figures with two digits behind the point, not three.
            also: How many of the figures beside the objective to add; in brief, terms that are nothing give way.
        """
        head = f"{self.name} {self._figure(self.total, brief)}"
        beside = [f" · {term.name} {self._figure(value, brief)}" for term, value in self.also[:also]]
        parts = [
            self._part(place, full, brief)
            for place, (term, value) in enumerate(self.terms)
            if term.symbol != "0" and not (brief and beside and place and abs(value) < 0.005)
        ]
        return " ".join([head, *(["=", *parts] if parts else [])]) + "".join(beside)

    def _part(self, place: int, full: bool, brief: bool) -> str:
        """Write a term with the sign by which it counts; a value below 0 behind a sign is put in parentheses."""
        term, value = self.terms[place]
        if not place:
            shown = self._figure(term.sign * value, brief)
            return f"{shown} {term.name}" if full else shown
        shown = self._figure(value, brief)
        return f"{signed(term)} {f'({shown})' if below(value) else shown} {term.name}"

    def _figure(self, value: float, brief: bool) -> str:
        """Write every figure of the line with the same digits, so that a reader can add them up."""
        if not math.isfinite(value) or abs(value) >= 1e6:
            return number(value)
        digits = 1 if abs(self.total) >= 10 else 2 if brief else 3
        return f"{value:.{digits}f}".replace("-", "−")


def signed(term: Term) -> str:
    """Return the sign by which a term counts."""
    return "+" if term.sign > 0 else "−"


def below(value: float) -> bool:
    """Return whether a value is written with a minus sign; −0.0 is, NaN is not."""
    return math.copysign(1.0, value) < 0 and not math.isnan(value)


def breakdown(theory: Theory, values: Mapping[str, float]) -> Breakdown | None:
    """Return the objective with the best figures there are: test EMA, else test raw, else train.

    Args:
        theory: The family's text.
        values: The latest value of each metric by its name.
    Returns:
        None as long as no split has the total. Where none has all of its terms, the total stands alone.
    """
    also = tuple((term, value) for term in theory.also if (value := _best(term.quantity, values)) is not None)
    for terms in (theory.terms, ()):
        for pattern in _PATTERNS:
            names = [pattern.format(quantity) for quantity in (theory.total, *(term.quantity for term in terms))]
            if all(name in values for name in names):
                found = tuple((term, float(values[pattern.format(term.quantity)])) for term in terms)
                return Breakdown(theory.total_name, theory.unit, float(values[names[0]]), found, pattern, also)
    return None


def _best(quantity: str, values: Mapping[str, float]) -> float | None:
    pattern = split_of(quantity, values)
    return None if pattern is None else float(values[pattern.format(quantity)])
