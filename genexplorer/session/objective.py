"""The objective with its latest values: total and terms from the same split and the same weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from genexplorer.session.formatting import number
from trainers.theory import METRIC_NAME_TEMPLATES, Term, Theory, best_template


@dataclass(frozen=True)
class ObjectiveValues:
    """An objective and its terms. Values are those of the metrics; a term counts with its `sign`."""

    name: str  # "ELBO"
    unit: str
    total: float
    terms: tuple[tuple[Term, float], ...]  # each term with its value; empty until all are known
    template: str  # the names of the metrics that the values are from: "test/{}_ema"
    further_values: tuple[tuple[Term, float], ...] = ()  # quantities beside the terms, each from the best split

    @property
    def split_and_weights(self) -> str:
        """The split and weights that the values are from: 'test set, EMA weights'."""
        texts = ("test set, EMA weights", "test set, raw weights", "training batch")
        return texts[METRIC_NAME_TEMPLATES.index(self.template)]

    @property
    def setup_texts(self) -> tuple[str, ...]:
        """Unit, split and weights of the values in several lengths, the longest first."""
        short = "train" if self.template.startswith("train/") else "test"
        return f"{self.unit}, {self.split_and_weights}", f"{self.unit}, {short}", self.unit

    def metric(self, term: Term) -> str:
        """Return the name of a term's metric."""
        return self.template.format(term.quantity)

    @property
    def texts(self) -> tuple[str, ...]:
        """The objective in several lengths, the longest first, with the first further value."""
        wide = (self.one_line(full=True, brief=brief, further=count) for count in (1, 0) for brief in (False, True))
        return *wide, self.one_line(), self.one_line(brief=True), f"{self.name} {self._value_text(self.total, True)}"

    def one_line(self, *, full: bool = False, brief: bool = False, further: int = 0) -> str:
        """Return 'ELBO −148.2 = −142.0 − 6.2 KL'.

        Args:
            full: Name the first term as well.
            brief: Write small values with two decimals, not three.
            further: Number of further values to add; in brief, terms near zero are then omitted.
        """
        head = f"{self.name} {self._value_text(self.total, brief)}"
        beside = [f" · {term.name} {self._value_text(value, brief)}" for term, value in self.further_values[:further]]
        parts = [
            self._term_text(i, full, brief)
            for i, (term, value) in enumerate(self.terms)
            if term.symbol != "0" and not (brief and beside and i and abs(value) < 0.005)
        ]
        return " ".join([head, *(["=", *parts] if parts else [])]) + "".join(beside)

    def _term_text(self, index: int, full: bool, brief: bool) -> str:
        """Return a term with its sign; a negative value after a sign is put in parentheses."""
        term, value = self.terms[index]
        if not index:
            text = self._value_text(term.sign * value, brief)
            return f"{text} {term.name}" if full else text
        text = self._value_text(value, brief)
        return f"{sign_of(term)} {f'({text})' if is_negative(value) else text} {term.name}"

    def _value_text(self, value: float, brief: bool) -> str:
        """Format a value; all values of a line have the same decimals, so that they add up."""
        if not math.isfinite(value) or abs(value) >= 1e6:
            return number(value)
        digits = 1 if abs(self.total) >= 10 else 2 if brief else 3
        return f"{value:{',' if abs(value) >= 10_000 else ''}.{digits}f}".replace("-", "−")


def sign_of(term: Term) -> str:
    """Return the sign of a term: '+' or '−'."""
    return "+" if term.sign > 0 else "−"


def is_negative(value: float) -> bool:
    """Return whether a value is written with a minus sign, as −0.0 is; NaN is not."""
    return math.copysign(1.0, value) < 0 and not math.isnan(value)


def objective_values(theory: Theory, values: Mapping[str, float]) -> ObjectiveValues | None:
    """Return the objective with the best values available: test EMA, else test raw, else train.

    Args:
        theory: The family's theory.
        values: The latest value of each metric.
    Returns:
        None until a split has the total; the total alone until a split has all terms.
    """
    further_values = tuple(
        (term, float(values[template.format(term.quantity)]))
        for term in theory.other_metrics
        if (template := best_template(term.quantity, values))
    )
    for terms in (theory.terms, ()):
        for template in METRIC_NAME_TEMPLATES:
            names = [
                template.format(quantity)
                for quantity in (theory.objective_quantity, *(term.quantity for term in terms))
            ]
            if all(name in values for name in names):
                term_values = tuple((term, float(values[template.format(term.quantity)])) for term in terms)
                return ObjectiveValues(
                    theory.objective_name, theory.unit, float(values[names[0]]), term_values, template, further_values
                )
    return None
