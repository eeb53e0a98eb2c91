"""Observable state, to which front ends bind."""

from collections.abc import Callable

Listener = Callable[[], None]
Unsubscribe = Callable[[], None]


class Observable:
    """State with listeners. Not thread-safe: it changes on the front end's main thread."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Unsubscribe:
        """Call `listener`, without arguments, at every change.

        Returns:
            A function that ends it; calling it again does nothing.
        """
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def notify(self) -> None:
        """Call every listener, except those that unsubscribe meanwhile."""
        for listener in tuple(self._listeners):
            if listener in self._listeners:
                listener()
