"""What a training tells (events) and what it can be told (commands): plain frozen values, numpy at most, no torch.

`trainers.training.loop.train` yields events and polls a `Control` for commands at each step boundary. Nothing else
passes between a training and its caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:  # who lists runs reads the words of this file, and need not wait for NumPy and pydantic
    import numpy as np
    from numpy.typing import NDArray

    from trainers.model_card import ModelCard

Arrays: TypeAlias = "Mapping[str, NDArray[np.generic]]"
Better = Literal["higher", "lower", "neither"]
PhaseName = Literal["loading", "compiling", "training", "evaluating", "saving", "paused", "stopping"]
Severity = Literal["info", "warning", "error"]
Outcome = Literal["succeeded", "stopped", "failed"]


@dataclass(frozen=True)
class MetricSpec:
    """How a metric is to be drawn and read; faces draw what is declared and never guess.

    Metrics that share a `quantity` belong in one chart: `train/elbo`, `test/elbo_ema` and `test/elbo_raw` are
    all `elbo`. Quantities of one panel that are read against each other, such as the two losses of a GAN, share one
    by declaring the same `chart`.
    """

    name: str  # "test/elbo_ema": the split, a slash, the quantity and, where it matters, whose weights
    quantity: str  # "elbo"
    title: str  # "test ELBO (EMA weights)"
    unit: str  # "nats", "1/s", "" for a pure number
    better: Better
    panel: str  # the group of charts it belongs to: "objective", "latent", "optimization", "speed"
    setup: str = ""  # what a figure must be quoted with: "dynamic binarization, 1 sample of z, full test set"
    chart: str = ""  # the title of a chart that several quantities share: "losses"; without it each has its own
    label: str = ""  # what its line is called there, short enough to stand on it: "D"


@dataclass(frozen=True)
class Started:
    """The training is set up and its first step is next."""

    step: int
    metrics: tuple[MetricSpec, ...]
    num_parameters: int
    total_steps: int | None  # None where the length is given in minutes
    device: str
    threads: int
    precision: str = "float32"  # of matrix products in training


@dataclass(frozen=True)
class Phase:
    """What the training is doing now; also the sign of life while no step completes."""

    step: int
    name: PhaseName
    detail: str = ""


@dataclass(frozen=True)
class Metrics:
    """Figures of one step. `elapsed_s` counts training time over all attempts, pauses left out."""

    step: int
    images_seen: int
    values: Mapping[str, float]
    elapsed_s: float
    progress: float  # share of the whole training that is done, in [0, 1]
    seconds_left: float | None  # None until it can be told


@dataclass(frozen=True)
class ImagesReady:
    """Pictures made with the EMA weights at a step, to be laid out row by row in `columns` columns."""

    step: int
    kind: str  # "samples", "reconstructions", "manifold"
    images: "NDArray[np.uint8]"  # (N, H, W, C), C is 1 or 3
    columns: int


@dataclass(frozen=True)
class SnapshotReady:
    """EMA weights for looking, as copies, with the card that says what they can do."""

    step: int
    arrays: Arrays
    card: "ModelCard"


@dataclass(frozen=True)
class CheckpointReady:
    """Everything that an exact resume needs, as copies: raw weights, EMA, optimizers, random states, data position."""

    step: int
    arrays: Arrays
    meta: Mapping[str, object]  # what JSON can hold
    reason: Literal["schedule", "asked", "stop", "end"]


@dataclass(frozen=True)
class CommandApplied:
    """A command took effect at this step. A face learns from it that its command was obeyed."""

    step: int
    command_id: str
    command: str  # "pause", "resume", "stop", "save_now", "set", "threads"
    path: str = ""  # for "set": "optim.lr"
    value: object = None
    error: str = ""  # why it could not be obeyed; empty when it was


@dataclass(frozen=True)
class Alert:
    """Something a person should look at; told once, when it begins."""

    step: int
    severity: Severity
    code: str  # "kl_dim_collapsed", "loss_not_finite": stable, for look-ups
    message: str  # one line for people


@dataclass(frozen=True)
class Finished:
    """The last event. `reason` is empty for a training that succeeded."""

    step: int
    outcome: Outcome
    reason: str = ""


Event = Started | Phase | Metrics | ImagesReady | SnapshotReady | CheckpointReady | CommandApplied | Alert | Finished


@dataclass(frozen=True)
class Pause:
    """Keep the memory, give the cores back, and wait."""

    id: str = ""


@dataclass(frozen=True)
class Resume:
    """Go on after a pause."""

    id: str = ""


@dataclass(frozen=True)
class Stop:
    """Save the resumable state and finish."""

    id: str = ""


@dataclass(frozen=True)
class SaveNow:
    """Save the resumable state and go on."""

    id: str = ""


@dataclass(frozen=True)
class Set:
    """Change one setting of the running training, such as `optim.lr`; kept in the resumable state."""

    path: str
    value: float | int | str | bool
    id: str = ""


@dataclass(frozen=True)
class Threads:
    """Compute with this many threads from the next step on."""

    count: int
    id: str = ""


Command = Pause | Resume | Stop | SaveNow | Set | Threads
COMMANDS: Mapping[str, type[Command]] = {  # by the names that command files, `CommandApplied` and the log use
    "pause": Pause,
    "resume": Resume,
    "stop": Stop,
    "save_now": SaveNow,
    "set": Set,
    "threads": Threads,
}


class Viewers(IntEnum):
    """Whether somebody is looking. All but the first are true."""

    NOBODY = 0
    LOOKING = 1  # without a hand on anything for a while
    HANDS_ON = 2


class Control(Protocol):
    """Where a training hears from the world. Both methods return at once."""

    def poll(self, step: int) -> Sequence[Command]:
        """Return the commands that came since the last call, oldest first."""
        ...

    def watched(self) -> Viewers:
        """Return who is looking, so that snapshots come more often."""
        ...


@dataclass(frozen=True)
class ResumeState:
    """What `CheckpointReady` gave, read back: the start of the next attempt."""

    step: int
    arrays: Arrays
    meta: Mapping[str, object] = field(default_factory=dict)
