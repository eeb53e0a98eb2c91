"""The two ends of a way: a sample, a test image or a latent; each becomes a z by asking the model. No Qt."""

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array
from genexplorer.session.observable import Observable
from genexplorer.viewer.model_client import ModelRequest, Reply, RequestGroup
from genexplorer.viewer.tabs.encode.search import Search
from trainers.model_card import ModelCard

Kind = Literal["sample", "test", "latent", "pin A", "pin B"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NAMES = ("A", "B")
MAX_NUMBERS = 8  # dimensions of a latent that is set number by number
MAX_SEED = 9_999
_FIRST = (("A", 0, 0), ("B", 7, 1))  # seed and test image; in two dimensions these samples lie on opposite sides
Z = NDArray[np.float64]


@dataclass
class End:
    """What was chosen for an end, and what is known of it."""

    name: str
    kind: Kind = "sample"
    seed: int = 0
    index: int = 0
    numbers: Z = field(default_factory=lambda: np.zeros(0))
    z: Z | None = None  # (d,)
    x: Array | None = None  # the test image itself, (H, W, C) uint8 or a point (2,)
    label: int = -1
    failure: str = ""

    def as_word(self) -> str | list[float]:
        """Return the end as the command line names it: "7", "test:12", or the numbers; empty where not known."""
        if self.kind == "sample":
            return str(self.seed)
        if self.kind == "test":
            return f"test:{self.index}"
        return [] if self.z is None else self.z.tolist()


class Ends(Observable):
    """Both ends. What a test image becomes depends on the snapshot; every other latent stays as time goes by."""

    def __init__(self, requests: RequestGroup, seed: int | None = None) -> None:
        super().__init__()
        self._requests = requests
        self._chance = np.random.default_rng(seed)
        self._card: ModelCard | None = None
        self._step: int | None = None
        self.pins: dict[str, Z] = {}
        self.ends = {name: End(name, seed=seed, index=index) for name, seed, index in _FIRST}
        self.searches = {name: Search(requests, f"search {name}") for name in NAMES}
        for search in self.searches.values():
            search.subscribe(self._searched)

    def __getitem__(self, name: str) -> End:
        return self.ends[name]

    def clear(self) -> None:
        """Forget what is known, as when another run is opened; what was chosen stays."""
        self._card, self._step, self.pins = None, None, {}
        for name, end in self.ends.items():
            end.numbers = np.zeros(0)
            self._forget(end)
            self.searches[name].clear()

    def at(self, step: int, card: ModelCard) -> None:
        """Ask this snapshot from now on, what is not known or is another with it."""
        changed = self._card is None or card.latent_shape != self._card.latent_shape
        self._step, self._card = step, card
        for name, end in self.ends.items():
            if changed:
                self._forget(end)
            self._make_possible(end)
            if self._is_due(name):
                self._resolve(name)
        self.notify()

    @property
    def both(self) -> Z | None:
        """Return both latents, (2, d), or None while one is missing."""
        a, b = (self.ends[name].z for name in NAMES)
        return None if a is None or b is None or a.shape != b.shape else np.stack([a, b])

    @property
    def size(self) -> int:
        """Return the number of latent dimensions, 0 where it is not known."""
        return 0 if self._card is None else int(np.prod(self._card.latent_shape))

    @property
    def num_test(self) -> int:
        """Return the size of the test set."""
        return 0 if self._card is None else self._card.data.num_test

    @property
    def encodes(self) -> bool:
        """Whether the model has an encoder."""
        return self._card is not None and self._card.capability("encode").available

    @property
    def searches_for(self) -> bool:
        """Whether a test image's latent has to be searched for."""
        return self._card is not None and not self.encodes and self._card.capability("invert").available

    def kinds(self) -> tuple[Kind, ...]:
        """Return what an end of this model can be."""
        possible: list[Kind] = ["sample"]
        if (self.encodes or self.searches_for) and self.num_test:
            possible.append("test")
        if 1 <= self.size <= MAX_NUMBERS:
            possible.append("latent")
        pins: dict[str, Kind] = {"A": "pin A", "B": "pin B"}
        possible += [kind for pin, kind in pins.items() if pin in self.pins and self.pins[pin].size == self.size]
        return tuple(possible)

    def choose(self, name: str, kind: Kind) -> None:
        """Make an end something else."""
        end = self.ends[name]
        if kind not in self.kinds() or kind == end.kind:
            return
        if kind == "latent" and end.z is not None:
            end.numbers = end.z.copy()  # goes on from where it was
        end.kind = kind
        self._again(name)

    def set_seed(self, name: str, seed: int) -> None:
        """Choose a sample."""
        self.ends[name].seed = min(max(0, seed), MAX_SEED)
        self._again(name)

    def set_index(self, name: str, index: int) -> None:
        """Choose a test image."""
        self.ends[name].index = min(max(0, index), max(0, self.num_test - 1))
        self._again(name)

    def set_number(self, name: str, dimension: int, value: float) -> None:
        """Set one number of a latent."""
        end = self.ends[name]
        if 0 <= dimension < end.numbers.size:
            end.numbers = end.numbers.copy()
            end.numbers[dimension] = value
            self._again(name)

    def set_pins(self, pins: dict[str, Z]) -> None:
        """Take the pins of the Manifold tab."""
        self.pins = {name: np.asarray(z, np.float64).ravel() for name, z in pins.items()}
        if self._card is None:
            return  # `at` comes to it
        for name, end in self.ends.items():
            if end.kind in ("pin A", "pin B"):
                self._make_possible(end)
                self._resolve(name)
        self.notify()

    def another(self, name: str) -> None:
        """Choose another of the same kind, by chance."""
        end = self.ends[name]
        if end.kind == "test":
            end.index = int(self._chance.integers(max(1, self.num_test)))
        elif end.kind == "latent":
            end.numbers = np.round(self._chance.standard_normal(self.size), 2)
        else:
            end.kind, end.seed = "sample", int(self._chance.integers(MAX_SEED + 1))
        self._again(name)

    def swap(self) -> None:
        """Let A and B change places."""
        if any(search.busy for search in self.searches.values()):
            return
        one, other = (self.ends[name] for name in NAMES)
        one.name, other.name = other.name, one.name
        self.ends = {one.name: one, other.name: other}
        self.ends = {name: self.ends[name] for name in NAMES}
        self.searches = {"A": self.searches["B"], "B": self.searches["A"]}
        self.notify()

    def search(self, name: str) -> None:
        """Search once more, with the snapshot that is looked at."""
        end = self.ends[name]
        if end.kind == "test" and self.searches_for and self._step is not None:
            self.searches[name].start(self._step, index=end.index)

    def rest(self) -> None:
        """Ask for nothing any more; what was under way is asked for again by `at`."""
        for search in self.searches.values():
            if search.busy:
                search.clear()
        self._requests.cancel_all()

    def cancel(self) -> bool:
        """Give up every search; return whether there was one."""
        busy = [search for search in self.searches.values() if search.busy]
        for search in busy:
            search.cancel()
        return bool(busy)

    def _again(self, name: str) -> None:
        end = self.ends[name]
        self._make_possible(end)
        if end.kind == "test":
            end.x, end.label = None, -1
        self._resolve(name)
        self.notify()

    def _make_possible(self, end: End) -> None:
        if end.kind not in self.kinds():
            end.kind = "sample"
        if end.kind == "test":
            end.index = min(end.index, max(0, self.num_test - 1))
        if end.numbers.size != self.size:
            end.numbers = np.zeros(self.size if self.size <= MAX_NUMBERS else 0)

    def _forget(self, end: End) -> None:
        end.z, end.x, end.label, end.failure = None, None, -1, ""

    def _resolve(self, name: str) -> None:
        """Find the latent of what was chosen."""
        end, search = self.ends[name], self.searches[name]
        end.failure = ""
        if end.kind != "test" or not self.searches_for:
            search.clear()
        if end.kind == "latent":
            end.z, end.x = end.numbers.copy(), None
        elif end.kind in ("pin A", "pin B"):
            end.z, end.x = self.pins[end.kind[-1]].copy(), None
        elif end.kind == "sample":
            self._ask(end, "sample", {"count": 1, "seed": end.seed, "temperature": 1.0})
        elif self.encodes:
            self._ask(end, "encode", {"indices": [end.index]})
        elif self._step is not None:
            end.z = None
            self._ask(end, "test_images", {"indices": [end.index]})
            search.start(self._step, index=end.index)

    def _ask(self, end: End, op: str, params: dict[str, object]) -> None:
        wanted = (end.kind, end.seed, end.index)

        def on_result(reply: Reply) -> None:
            if (end.kind, end.seed, end.index) == wanted:
                self._take(end, reply)
                self.notify()

        def on_failure(message: str, hint: str) -> None:
            end.failure = f"{message}: {hint}" if hint else message
            self.notify()

        # The end's own key, not its name: A and B may have changed places when the answer comes.
        self._requests.send(
            "preview", f"end {id(end)}", ModelRequest(op, on_result, params, {}, self._step, on_failure)
        )

    def _take(self, end: End, reply: Reply) -> None:
        arrays = reply.arrays
        latent = arrays.get("mu", arrays.get("z"))
        if latent is not None:
            end.z = np.asarray(latent[0], np.float64).ravel()
        end.x = np.asarray(arrays["x"][0]) if "x" in arrays else None
        end.label = int(arrays["labels"][0]) if "labels" in arrays else -1

    def _is_due(self, name: str) -> bool:
        """Whether a snapshot has to be asked for an end; a search is long and is begun again only by hand."""
        end, search = self.ends[name], self.searches[name]
        if end.kind == "test" and self.encodes:
            return True
        return end.z is None and not (search.busy or search.cancelled or search.failure)

    def _searched(self) -> None:
        for name, search in self.searches.items():
            end = self.ends[name]
            if search.found is not None and end.kind == "test" and self.searches_for:
                end.z = search.found.z.copy()
                end.x = search.found.x
        self.notify()
