"""Whether to compile the training step: where it will pay back its own time within the run, and where it does.

With `execution.compile = "auto"` a training first goes some steps as it is. If what is left of it is long enough for
the saving that its family has seen, the step is compiled, and compiled and plain steps take turns until their
medians tell which are faster; those are kept. "on" compiles as soon as the
optimizers have begun, after the first step, and keeps what was compiled.
"""

import os
import shutil
import statistics
from collections.abc import Callable, Hashable, Iterator
from time import perf_counter
from typing import Literal

import torch

from trainers.compiled.step import CompiledStep
from trainers.config import ExecutionConfig
from trainers.errors import ConfigError
from trainers.events import Alert, CommandApplied, Event, Phase
from trainers.families.interface import Model
from trainers.training.timing import Clock

WATCHED_STEPS = 20  # that go as they are before anything is decided
TURN = 5  # steps that go one way before the other has its turn
TRIED_S = 3.0  # of such turns, and at least
TRIED_TURNS = 8
COMPILING_S = 0.09  # that compiling takes on one core, about, for each operation of a step on its way forward
MOST_VARIANTS = 4  # of steps that are compiled; others go as they are
WORTH = 2.0  # times its own cost that compiling must be expected to save
KEPT_GAIN = 0.98  # of the plain step's time that the compiled one may take at most
_COMPILERS = ("c++", "g++", "clang++")


class CompilePolicy:
    """What has been decided about one training's steps.

    Args:
        execution: What was asked for.
        device: Where the training is.
        clock: Monotonic seconds.

    Attributes:
        taken: Whether steps are taken compiled, where their variant is; it may change between two steps, both ways.
        step_s: What the last step took, or one of the last ones that went in one go; 0 before the first.

    Raises:
        ConfigError: if compiling is insisted on and this machine has no C++ compiler.
    """

    def __init__(self, execution: ExecutionConfig, device: torch.device, clock: Clock = perf_counter) -> None:
        self._state: Literal["off", "watching", "trying", "settled"] = "off"
        self._clock = clock
        self._steps: dict[Hashable, CompiledStep] = {}
        self._watched = 0
        self._plain: list[float] = []
        self._compiled: list[float] = []
        self._began = 0.0
        self.taken = False
        self.step_s = 0.0
        able = device.type != "cpu" or has_compiler()
        if execution.compile == "on":
            if not able:
                raise ConfigError("execution.compile: 'on' needs a C++ compiler", "install g++, or use 'auto' or 'off'")
            self._state, self.taken = "settled", True
        elif execution.compile == "auto" and able and not execution.deterministic:
            self._state = "watching"

    @property
    def settled(self) -> bool:
        """Whether steps are taken compiled for good."""
        return self._state == "settled"

    def due(self, graph_key: Hashable) -> bool:
        """Return whether steps of a variant are to be compiled now."""
        return self.taken and graph_key not in self._steps and len(self._steps) < MOST_VARIANTS

    def step(self, graph_key: Hashable) -> CompiledStep | None:
        """Return the compiled step of a variant, if steps are taken so; None: it goes as it is."""
        return self._steps.get(graph_key) if self.taken else None

    def compile(self, graph_key: Hashable, make: Callable[[], CompiledStep], step: int) -> Iterator[Event]:
        """Compile the steps of a variant; a failure is told, and the training goes on as it is.

        Args:
            variant: That is due.
            make: Traces and compiles them.
            step: How many are done.
        """
        yield Phase(step, "compiling", "the training step")
        try:
            self._steps[graph_key] = make()
        except Exception as error:  # whatever a compiler may raise: nothing was learned, nothing is lost
            self._state, self.taken = "off", False
            said = str(error).strip().partition("\n")[0][:200]
            yield Alert(step, "warning", "not_compiled", f"the step cannot be compiled and is not: {said}")
        yield Phase(step, "training")

    def begin(self) -> None:
        """A step begins, or some in one go."""
        self._began = self._clock()

    def end(self, steps: int = 1) -> None:
        """So many steps are done since then."""
        self.step_s = (self._clock() - self._began) / steps

    def after_step(
        self, model: Model, step: int, seconds_left: float | None, operations: Callable[[], int]
    ) -> Iterator[Event]:
        """A single step is done: take note of how long it took, and decide what can be decided.

        Args:
            model: What its family says of compiling.
            step: How many are done.
            seconds_left: What is left of the training; None if nobody knows yet.
            operations: Returns of how many operations a step consists on its way forward.
        """
        self.end()
        if self._state == "watching":
            self._watched += 1
            if self._watched >= WATCHED_STEPS and seconds_left is not None:
                self.taken = seconds_left * model.compile_speedup > WORTH * COMPILING_S * operations()
                self._state = "trying" if self.taken else "off"
        elif self._state == "trying":
            (self._compiled if self.taken else self._plain).append(self.step_s)
            if len(self._plain) + len(self._compiled) >= 2 * TURN * TRIED_TURNS and self._seen_s >= TRIED_S:
                yield self._decided(step)
            elif (len(self._plain) + len(self._compiled)) % TURN == 0:
                self.taken = not self.taken

    @property
    def _seen_s(self) -> float:
        return sum(self._plain) + sum(self._compiled)

    def _decided(self, step: int) -> CommandApplied:
        plain, compiled = statistics.median(self._plain), statistics.median(self._compiled)
        self.taken = compiled < KEPT_GAIN * plain
        self._state = "settled" if self.taken else "off"
        verdict = "kept" if self.taken else "dropped, no faster"
        return CommandApplied(step, "", "compile", value=f"{verdict} ({plain / compiled:.2f} × as fast)")


def has_compiler() -> bool:
    """Return whether this machine has a C++ compiler, which compiling for a CPU takes."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), *_COMPILERS) if name)
