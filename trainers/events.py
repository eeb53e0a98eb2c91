"""Events, which a training yields, and commands, which it accepts: frozen values, NumPy at most, no torch.

`trainers.training.loop.train` yields events and polls a `Control` for commands at each step boundary. Nothing else
is exchanged between a training and its caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:  # listing runs needs the literals of this file alone, and should import neither NumPy nor pydantic
    import numpy as np
    from numpy.typing import NDArray

    from trainers.model_card import ModelCard

Arrays: TypeAlias = "Mapping[str, NDArray[np.generic]]"
Better = Literal["higher", "lower", "neither"]
PhaseName = Literal["loading", "decoding", "compiling", "training", "evaluating", "saving", "paused", "stopping"]
Severity = Literal["info", "warning", "error"]
Outcome = Literal["succeeded", "stopped", "failed"]


@dataclass(frozen=True)
class MetricSpec:
    """The description of a metric by which front ends display it.

    Metrics with the same `quantity` share a chart: `train/elbo`, `test/elbo_ema` and `test/elbo_raw` are all `elbo`.
    Quantities of one panel that are compared, such as the two losses of a GAN, share one by declaring the same `chart`.
    """

    name: str  # "test/elbo_ema": split/quantity, and the weights where there are several
    quantity: str  # "elbo"
    title: str  # "test ELBO (EMA weights)"
    unit: str  # "nats", "1/s", "" for a pure number
    better: Better
    panel: str  # the group of charts it belongs to: "objective", "latent", "optimization", "speed"
    setup: str = ""  # to be quoted with every value: "dynamic binarization, 1 sample of z, full test set"
    chart: str = ""  # title of a chart that several quantities share: "losses"; each has its own by default
    label: str = ""  # of its line there, short: "D"


_WEIGHTS = {"ema": "EMA weights", "raw": "raw weights"}
_STANDARD_ERROR = "_standard_error"


def standard_error_of(metric: str) -> str:
    """Return the name of the metric that is another one's standard error: test/gap_standard_error_ema of test/gap_ema.

    Without weights at its end, a name is taken as a quantity: gap_standard_error of gap.
    """
    quantity, separator, weights = metric.rpartition("_")
    return f"{quantity}{_STANDARD_ERROR}_{weights}" if separator and weights in _WEIGHTS else metric + _STANDARD_ERROR


def train_metric(
    quantity: str, title: str, unit: str, better: Better, panel: str = "objective", setup: str = ""
) -> MetricSpec:
    """Return the declaration of `train/QUANTITY`."""
    return MetricSpec(f"train/{quantity}", quantity, f"train {title}", unit, better, panel, setup)


def eval_metrics(
    quantity: str, title: str, unit: str, better: Better, panel: str = "objective", setup: str = ""
) -> tuple[MetricSpec, ...]:
    """Return the declarations of `test/QUANTITY_ema` and `test/QUANTITY_raw`."""
    return tuple(
        MetricSpec(f"test/{quantity}_{key}", quantity, f"{title} ({weights})", unit, better, panel, setup)
        for key, weights in _WEIGHTS.items()
    )


@dataclass(frozen=True)
class Started:
    """The training is set up; its first step is next."""

    step: int
    metrics: tuple[MetricSpec, ...]
    num_parameters: int
    total_steps: int | None  # None where the length is given in minutes
    device: str
    threads: int
    precision: str = "float32"  # of matrix products in training


@dataclass(frozen=True)
class Phase:
    """The present activity of the training; also the heartbeat while no step completes."""

    step: int
    name: PhaseName
    detail: str = ""


@dataclass(frozen=True)
class Metrics:
    """Metrics of one step. `elapsed_s` is training time over all attempts, without pauses."""

    step: int
    images_seen: int
    values: Mapping[str, float]
    elapsed_s: float
    progress: float  # fraction of the training that is done, in [0, 1]
    seconds_left: float | None  # None while unknown


@dataclass(frozen=True)
class ImagesReady:
    """Images made with the EMA weights, for a grid of `columns` columns, row by row."""

    step: int
    kind: str  # "samples", "reconstructions", "manifold"
    images: "NDArray[np.uint8]"  # (N, H, W, C), C is 1 or 3
    columns: int


@dataclass(frozen=True)
class SnapshotReady:
    """Copies of the EMA weights, for viewing, with the model card."""

    step: int
    arrays: Arrays
    card: "ModelCard"


@dataclass(frozen=True)
class CheckpointReady:
    """Copies of everything that an exact resume needs: raw and EMA weights, optimizers, random state."""

    step: int
    arrays: Arrays
    meta: Mapping[str, object]  # JSON
    reason: Literal["schedule", "requested", "stop", "end"]


@dataclass(frozen=True)
class CommandApplied:
    """Acknowledges a command, which took effect at this step or was refused."""

    step: int
    command_id: str  # empty for what the training does by itself
    command: str  # "pause", "resume", "step", "stop", "save_now", "set", "threads", "compile"
    values: Mapping[str, object] = field(default_factory=dict)  # for "set": {"optim.lr": 0.001}; else by the command
    error: str = ""  # why it was refused; empty if it was applied
    changes: "Sequence[SettingChange]" = field(default=(), compare=False)  # for "set": all, with those still ahead
    total_steps: int | None = field(default=None, compare=False)  # for "set": the length now; None if given in minutes


@dataclass(frozen=True)
class Alert:
    """A condition that needs attention; reported once, when it begins."""

    step: int
    severity: Severity
    code: str  # "kl_dim_collapsed", "loss_not_finite": stable, for `diagnose`
    message: str  # one line for people


@dataclass(frozen=True)
class Finished:
    """The last event. `reason` is empty for a training that succeeded."""

    step: int
    outcome: Outcome
    reason: str = ""


Event = Started | Phase | Metrics | ImagesReady | SnapshotReady | CheckpointReady | CommandApplied | Alert | Finished


SettingValue = float | int | str | bool | None
LrContinuation = Literal["continue", "restart", "hold"]
ON_RESUME = -1  # step of a change that takes effect when the next attempt starts


@dataclass(frozen=True)
class SettingChange:
    """Settings that change together.

    Args:
        step: Number of updates done when they take effect; `ON_RESUME` for the start of the next attempt.
        values: New values by dotted key.
        lr_continuation: As of `Set`, for `ON_RESUME`; later the values say how the learning rate goes on.
    """

    step: int
    values: Mapping[str, SettingValue]
    lr_continuation: LrContinuation = "continue"


@dataclass(frozen=True)
class Pause:
    """Wait, with everything in memory but the cores released."""

    id: str = ""


@dataclass(frozen=True)
class Resume:
    """Continue after a pause."""

    id: str = ""


@dataclass(frozen=True)
class Stop:
    """Save a checkpoint and finish."""

    id: str = ""


@dataclass(frozen=True)
class SaveNow:
    """Save a checkpoint and continue."""

    id: str = ""


@dataclass(frozen=True)
class Step:
    """Take one step of a paused training, with a snapshot and sample images of it, and wait again."""

    id: str = ""


@dataclass(frozen=True)
class Set:
    """Change settings of the running training together, such as `optim.lr`: all of them, or none if one is refused.

    Args:
        values: New values by dotted key; None for none, such as no gradient clipping.
        lr_continuation: How a learning rate that falls along a curve goes on after a change of the length: along the
            curve of the new length, which may be a jump; from its full value anew (warm restart; Loshchilov & Hutter
            2017, arXiv:1608.03983); or as it is, constant.
    """

    values: Mapping[str, SettingValue]
    lr_continuation: LrContinuation = "continue"
    id: str = ""


@dataclass(frozen=True)
class Threads:
    """Use this many threads from the next step on."""

    count: int
    id: str = ""


Command = Pause | Resume | Step | Stop | SaveNow | Set | Threads
COMMANDS: Mapping[str, type[Command]] = {  # by the names that command files, `CommandApplied` and the log use
    "pause": Pause,
    "resume": Resume,
    "step": Step,
    "stop": Stop,
    "save_now": SaveNow,
    "set": Set,
    "threads": Threads,
}


class Watchers(IntEnum):
    """The front ends that display a run: none, idle or active ones. All but `NONE` are true."""

    NONE = 0
    IDLE = 1  # no key or mouse event for a while
    ACTIVE = 2


class Control(Protocol):
    """The source of commands to a training. Both methods return at once."""

    def poll(self, step: int) -> Sequence[Command]:
        """Return the commands that arrived since the last call, oldest first."""

    def watchers(self) -> Watchers:
        """Return whether the run is being watched, so that snapshots come more often."""


@dataclass(frozen=True)
class InitialWeights:
    """Weights of another model that a new training starts from, as far as they fit."""

    arrays: Arrays
    source: str  # what they are, for messages: "the EMA weights of calm-owl, step 4,000"


@dataclass(frozen=True)
class ResumeState:
    """A `CheckpointReady` read back: the start of the next attempt."""

    step: int
    arrays: Arrays
    meta: Mapping[str, object] = field(default_factory=dict)
