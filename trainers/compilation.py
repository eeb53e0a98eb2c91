"""Whether to compile the training step: where it will pay back its own time within the run, and where it does.

With `execution.compile = "auto"` a training first goes some steps as it is. If what is left of it is long enough for
the saving that its family has seen, the step is compiled, and compiled and plain steps take turns until their
medians tell which are faster; those are kept. "on" compiles before the first step and keeps what was compiled.
"""

import os
import shutil
import statistics
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import Literal

import torch

from trainers.cadence import Clock
from trainers.compute import Compute
from trainers.config import ExecutionConfig
from trainers.errors import ConfigError
from trainers.events import Alert, Changed, Event, Phase
from trainers.model import Model, StepContext

WATCHED_STEPS = 20  # that go as they are before anything is decided
TURN = 5  # steps that go one way before the other has its turn
TRIED_S = 3.0  # of such turns, and at least
TRIED_TURNS = 8
COMPILING_S = 60.0  # that compiling takes at most, about, on one core
WORTH = 3.0  # times its own cost that compiling must be expected to save
KEPT_GAIN = 0.98  # of the plain step's time that the compiled one may take at most
_COMPILERS = ("c++", "g++", "clang++")


class Compilation:
    """What has been decided about one training's steps.

    Args:
        execution: What was asked for.
        device: Where the training is.
        clock: Monotonic seconds.
    Raises:
        ConfigError: if compiling is insisted on and this machine has no C++ compiler.
    """

    def __init__(self, execution: ExecutionConfig, device: torch.device, clock: Clock = perf_counter) -> None:
        self._state: Literal["off", "due", "watching", "trying"] = "off"
        self._clock = clock
        self._watched = 0
        self._plain: list[float] = []
        self._compiled: list[float] = []
        self._began = 0.0
        able = device.type != "cpu" or has_compiler()
        if execution.compile == "on":
            if not able:
                raise ConfigError("execution.compile: 'on' needs a C++ compiler", "install g++, or use 'auto' or 'off'")
            self._state = "due"
        elif execution.compile == "auto" and able and not execution.deterministic:
            self._state = "watching"
        self._insisted = execution.compile == "on"

    @property
    def due(self) -> bool:
        """Whether the step is to be compiled now."""
        return self._state == "due"

    def compile(self, model: Model, batch: torch.Tensor, context: StepContext) -> Iterator[Event]:
        """Compile the step; a failure is told, and the training goes on as it is.

        Args:
            model: Whose step.
            batch: As a step gets it.
            context: Of the next step; its generator is left as it is.
        """
        yield Phase(context.step, "compiling", "the training step")
        try:
            _rehearse(model, batch, context)
        except Exception as error:  # whatever a compiler may raise: nothing was learned, nothing is lost
            context.compute.compiled = False
            self._state = "off"
            said = str(error).strip().partition("\n")[0][:200]
            yield Alert(context.step, "warning", "not_compiled", f"the step cannot be compiled and is not: {said}")
        else:
            self._state = "off" if self._insisted else "trying"
        yield Phase(context.step, "training")

    def begin(self) -> None:
        """A step begins."""
        self._began = self._clock()

    def after_step(self, model: Model, step: int, compute: Compute, seconds_left: float | None) -> Iterator[Event]:
        """Take note of how long a step took, and decide what can be decided.

        Args:
            model: What its family says of compiling.
            step: How many are done.
            compute: Which way they go.
            seconds_left: What is left of the training; None if nobody knows yet.
        """
        took = self._clock() - self._began
        if self._state == "watching":
            self._watched += 1
            if self._watched >= WATCHED_STEPS and seconds_left is not None:
                self._state = "due" if seconds_left * model.compile_gain > WORTH * COMPILING_S else "off"
        elif self._state == "trying":
            (self._compiled if compute.compiled else self._plain).append(took)
            if len(self._plain) + len(self._compiled) >= 2 * TURN * TRIED_TURNS and self._seen_s >= TRIED_S:
                yield self._decided(step, compute)
            elif (len(self._plain) + len(self._compiled)) % TURN == 0:
                compute.compiled = not compute.compiled

    @property
    def _seen_s(self) -> float:
        return sum(self._plain) + sum(self._compiled)

    def _decided(self, step: int, compute: Compute) -> Changed:
        plain, compiled = statistics.median(self._plain), statistics.median(self._compiled)
        kept = compiled < KEPT_GAIN * plain
        compute.compiled = kept
        self._state = "off"
        verdict = "kept" if kept else "dropped, no faster"
        return Changed(step, "", "compile", value=f"{verdict} ({plain / compiled:.2f} × as fast)")


def has_compiler() -> bool:
    """Return whether this machine has a C++ compiler, which compiling for a CPU takes."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), *_COMPILERS) if name)


def _configure() -> None:
    """Have compiled code kept between runs, but no pickled graphs, and compile without processes besides."""
    import torch._functorch.config as functorch  # only now: half a second that a plain training need not wait
    import torch._inductor.config as inductor

    inductor.fx_graph_cache = False
    inductor.compile_threads = 1
    functorch.enable_autograd_cache = False


def _rehearse(model: Model, batch: torch.Tensor, context: StepContext) -> None:
    """Do a step's arithmetic, compiled, and learn nothing of it: weights, buffers and chance stay as they are."""
    _configure()
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    context.compute.compiled = True
    try:
        for objective in model.training_step(batch, replace(context, generator=context.generator.clone_state())):
            objective.loss.backward()  # type: ignore[no-untyped-call]
    finally:
        model.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
