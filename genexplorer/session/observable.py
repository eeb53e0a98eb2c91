"""State that says when it has changed, for faces that only bind to it."""

from collections.abc import Callable

Listener = Callable[[], None]
Unsubscribe = Callable[[], None]


class Observable:
    """Something that can be listened to. Not thread-safe: state changes on the face's own thread."""

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
        """Tell every listener; those that unsubscribe meanwhile are left out."""
        for listener in tuple(self._listeners):
            if listener in self._listeners:
                listener()
