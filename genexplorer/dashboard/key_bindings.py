"""Every key of the dashboard in one table: the bindings, the line below, the help and the palette are made from it."""

from dataclasses import dataclass

from textual.binding import Binding

SHOWN = {
    "space": "space",
    "slash": "/",
    "question_mark": "?",
    "delete": "Del",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "equals_sign": "=",
    "minus": "−",
    "full_stop": ".",
    "escape": "esc",
    "ctrl+p": "^p",
}


@dataclass(frozen=True)
class Key:
    """One key.

    Args:
        keys: As Textual names them, separated by commas; the first is the one that is shown.
        name: One or two words, for the line at the bottom and the palette.
        help: One line, for the help.
    """

    keys: str
    action: str
    name: str
    help: str
    group: str
    footer: bool = False

    @property
    def shown(self) -> str:
        """How the key is written."""
        first = self.keys.split(",")[0]
        return SHOWN.get(first, first)

    def binding(self) -> Binding:
        """Return Textual's binding."""
        return Binding(self.keys, self.action, self.name, show=self.footer, key_display=self.shown, tooltip=self.help)


KEYS = (
    Key("n", "new_run", "new", "train a new model", "Runs", footer=True),
    Key("g", "gallery", "gallery", "everything that can be trained, with its result and its time", "Runs"),
    Key("p", "pause_or_go_on", "pause", "pause, or go on after a pause", "Runs", footer=True),
    Key("s", "stop", "stop", "stop; the state is saved, r goes on later", "Runs", footer=True),
    Key("r", "resume", "resume", "resume a run that was stopped, failed or was lost", "Runs"),
    Key("delete,backspace", "trash", "trash", "move the run to the trash", "Runs"),
    Key("u", "undo", "undo", "bring back what was moved to the trash last", "Runs"),
    Key("v", "viewer", "viewer", "open the desktop viewer", "Runs", footer=True),
    Key("y", "copy_command", "copy command", "copy the command line that does the same", "Runs"),
    Key("d", "alerts", "diagnose", "read alerts and last words, with advice", "Runs"),
    Key("slash", "filter", "filter", "show only runs that match; esc shows all", "Runs"),
    Key("space", "compare", "compare", "mark the run for a comparison of curves; esc ends it", "Runs"),
    Key("m", "choose_metric", "metric", "choose the metric", "RunCurves", footer=True),
    Key("l", "log_scale", "log", "logarithmic scale", "RunCurves"),
    Key("x", "next_x", "x axis", "by step, time or images", "RunCurves"),
    Key("plus,equals_sign", "smooth(1)", "smooth", "smooth more; the raw curve stays, faint", "RunCurves"),
    Key("minus", "smooth(-1)", "smooth less", "smooth less", "RunCurves"),
    Key("a", "whole", "all values", "show the steep first stretch too", "RunCurves"),
    Key("left_square_bracket", "replay(-1)", "back", "one picture back in time", "Time", footer=True),
    Key("right_square_bracket", "replay(1)", "ahead", "one picture ahead", "Time", footer=True),
    Key("full_stop", "play", "play", "play through time; again pauses", "Time"),
    Key("L,shift+l", "follow", "follow", "follow the newest", "Time"),
    Key("k", "next_kind", "pictures", "other pictures: samples, reconstructions, stages…", "Time"),
    Key("z", "picture_size", "large", "few large pictures, or many small ones", "Time"),
    Key("1,c", "show_tab('curves')", "curves", "tab Curves", "Tabs"),
    Key("2", "show_tab('samples')", "samples", "tab Samples", "Tabs"),
    Key("3", "show_tab('config')", "config", "tab Config", "Tabs"),
    Key("4", "show_tab('log')", "log", "tab Log", "Tabs"),
    Key("5,w", "show_tab('walk')", "walk", "tab Walk: arrows move through the latent space", "Tabs"),
    Key("6,t", "show_tab('theory')", "theory", "tab Theory: the objective and its live numbers", "Tabs"),
    Key("e", "next_plane", "other plane", "walk in another plane of the latent space", "Tabs"),
    Key("D,shift+d", "dark", "light/dark", "light or dark", "Screen"),
    Key("escape", "escape", "back", "leave the filter, the comparison, the walk", "Screen"),
    Key("question_mark", "help", "keys", "this list", "Screen", footer=True),
    Key("ctrl+p", "app.command_palette", "palette", "find any of this by its name", "Screen"),
    Key("q", "leave", "quit", "leave the dashboard; trainings go on without it", "Screen", footer=True),
)
