"""The decision to compile the training step: only where that pays back its own time within the run.

With `execution.compile = "auto"`, the first steps run eagerly. The step is then compiled if the family's measured
speed-up would save more time than compilation costs. In a trial, compiled and eager steps alternate; the kind with the
lower median is used to the end. With "on" the step is compiled after the first step, as soon as the optimizers have
their state, and stays compiled.
"""

import os
import statistics
from collections.abc import Callable, Hashable, Iterator
from time import perf_counter
from typing import Literal

import torch

from trainers.compiled import toolchain
from trainers.compiled.background import Compilation
from trainers.compiled.graph import CompiledStep
from trainers.config import ExecutionConfig
from trainers.errors import ConfigError
from trainers.events import Alert, CommandApplied, Event, Phase
from trainers.families.interface import Model

MIN_EAGER_STEPS = 20  # least number of eager steps before anything is decided
TURN_STEPS = 5  # in the trial, so many eager steps alternate with as many compiled ones
MIN_TRIAL_S = 3.0  # least length of the trial
MIN_TRIAL_TURNS = 8  # least number of turns of each kind
COMPILE_S_PER_OPERATION = 0.09  # compile time per operation of the forward pass, measured roughly, on one core
MAX_GRAPHS = 4  # graph keys that are compiled at most; steps of further ones run eagerly
MIN_PAYOFF = 2.0  # least ratio of the time that compilation is expected to save to its cost
MAX_TIME_RATIO = 0.98  # ratio of a compiled step's time to an eager one's above which steps run eagerly
_COMMAND_POLL_S, _HEARTBEAT_S = 0.05, 0.1  # intervals of polls and heartbeats while a step is compiled


class CompilePolicy:
    """Decides for one training whether its steps run compiled, and stores the compiled steps.

    Args:
        execution: Execution settings; `compile` is "auto", "on" or "off".
        device: Device of the training.
        clock: Monotonic seconds.

    Attributes:
        enabled: Whether compiled steps are in use right now; it alternates during the trial.
        step_s: Seconds of the last step, or the mean of the last burst; 0 before the first.

    Raises:
        ConfigError: if compilation is "on" and this machine has no C++ compiler.
    """

    def __init__(
        self, execution: ExecutionConfig, device: torch.device, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._state: Literal["off", "eager", "trial", "on"] = "off"
        self._clock = clock
        self._compiled_steps: dict[Hashable, CompiledStep] = {}
        self._num_eager = 0
        self._trial_s: dict[bool, list[float]] = {False: [], True: []}  # seconds of steps, by whether compiled
        self._timer_start_s = 0.0
        self._compilation: tuple[Hashable, CompiledStep, Compilation[None]] | None = None  # under way
        self.enabled = False
        self.step_s = 0.0
        available = device.type != "cpu" or has_compiler()
        if execution.compile == "on":
            if not available:
                hint = "sudo apt install g++ python3-dev, or train with --compile off"
                raise ConfigError("execution.compile: 'on' needs a C++ compiler", hint)
            self._state, self.enabled = "on", True
        elif execution.compile == "auto" and available and not execution.deterministic:
            self._state = "eager"

    @property
    def uses_compiled_steps(self) -> bool:
        """True once it is decided that compiled steps are used to the end."""
        return self._state == "on"

    def should_compile(self, graph_key: Hashable) -> bool:
        """Return whether the steps of a graph key are to be compiled now."""
        return self.enabled and graph_key not in self._compiled_steps and len(self._compiled_steps) < MAX_GRAPHS

    def compiled_step(self, graph_key: Hashable) -> CompiledStep | None:
        """Return the compiled step of a graph key; None if the step is to run eagerly."""
        return self._compiled_steps.get(graph_key) if self.enabled else None

    def compile(
        self,
        graph_key: Hashable,
        make: Callable[[], CompiledStep],
        step: int,
        poll_commands: Callable[[int], bool],
    ) -> Iterator[Event]:
        """Compile the steps of a graph key, with heartbeats; on failure, alert and go on eagerly.

        When commands arrive, it returns while the compilation goes on; the next call continues to wait for it.

        Args:
            graph_key: Graph key for which `should_compile` is true.
            make: Traces a step.
            step: Number of steps done.
            poll_commands: Returns whether commands arrived, given the number of steps done.
        """
        yield Phase(step, "compiling", "the training step")
        try:
            if self._compilation is None:
                compiled = make()
                self._compilation = graph_key, compiled, Compilation(compiled.compile)
            graph_key, compiled, compilation = self._compilation
            heartbeat = perf_counter()
            while not compilation.wait(_COMMAND_POLL_S):
                if poll_commands(step):
                    return
                if perf_counter() - heartbeat >= _HEARTBEAT_S:
                    heartbeat = perf_counter()
                    yield Phase(step, "compiling", "the training step")
            self._compilation = None
            compilation.result()
            self._compiled_steps[graph_key] = compiled
        except Exception as error:  # compilers raise anything; no weight has changed
            self._state, self.enabled = "off", False
            reason = str(error).strip().partition("\n")[0][:300]
            yield Alert(step, "warning", "not_compiled", f"compilation failed, training goes on uncompiled: {reason}")
        yield Phase(step, "training")

    @property
    def is_compiling(self) -> bool:
        """Whether a compilation is running."""
        return self._compilation is not None

    def close(self) -> None:
        """Abandon a running compilation."""
        if self._compilation is not None:
            self._compilation[2].abandon()
            self._compilation = None

    def start_timer(self) -> None:
        """Start to time a step, or a burst."""
        self._timer_start_s = self._clock()

    def stop_timer(self, num_steps: int = 1) -> None:
        """Stop after a number of steps."""
        self.step_s = (self._clock() - self._timer_start_s) / num_steps

    def after_step(
        self, model: Model, step: int, seconds_left: float | None, num_operations: Callable[[], int]
    ) -> Iterator[Event]:
        """Advance from eager steps to the trial, and from the trial to the decision, after a step that was timed.

        Args:
            model: Model with the measured speed-up of its family.
            step: Number of steps done.
            seconds_left: Remaining seconds of the training; None while unknown.
            num_operations: Counts the operations of a step's forward pass.
        """
        # After some eager steps: compile if that is expected to pay back its cost.
        if self._state == "eager":
            self._num_eager += 1
            if self._num_eager >= MIN_EAGER_STEPS and seconds_left is not None:
                cost_s = COMPILE_S_PER_OPERATION * num_operations() * core_contention()
                self.enabled = seconds_left * model.compile_speedup > MIN_PAYOFF * cost_s
                self._state = "trial" if self.enabled else "off"
        # In the trial: take turns; at its end, use the faster kind of step from here on.
        elif self._state == "trial":
            self._trial_s[self.enabled].append(self.step_s)
            durations = [*self._trial_s[False], *self._trial_s[True]]
            if len(durations) >= 2 * TURN_STEPS * MIN_TRIAL_TURNS and sum(durations) >= MIN_TRIAL_S:
                eager_s, compiled_s = (statistics.median(self._trial_s[compiled]) for compiled in (False, True))
                self.enabled = compiled_s < MAX_TIME_RATIO * eager_s
                self._state = "on" if self.enabled else "off"
                ratio = eager_s / compiled_s
                verdict = f"on ({ratio:.2f}x faster)" if self.enabled else f"off (speed-up only {ratio:.2f}x)"
                yield CommandApplied(step, "", "compile", {"compile": verdict})
            elif len(durations) % TURN_STEPS == 0:
                self.enabled = not self.enabled


def core_contention() -> float:
    """Return by how much other programs slow down a computation on one core: 2 where each core has two to do; else 1.

    The load of the last minute includes this training, which leaves its core to the compiler.
    """
    try:
        return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    except OSError:  # unknown on this system
        return 1.0


def has_compiler() -> bool:
    """Return whether this machine has a C++ compiler, which compilation for a CPU needs."""
    try:
        return bool(toolchain.find_compiler())
    except toolchain.ToolchainError:
        return False
