"""Keys that change how curves are shown."""

from dataclasses import replace

from textual import on
from textual.screen import Screen

from genexplorer.dashboard.charts.curves import chosen_chart
from genexplorer.dashboard.screens.choice import ChoiceScreen
from genexplorer.dashboard.tabs.curves import CurvesPane
from genexplorer.dashboard.view import DashboardView
from genexplorer.session import formatting


class CurveActions(Screen[None]):
    """Metric, scale, axis, smoothing."""

    view: DashboardView

    def redraw(self) -> None:
        """Show the present view again, and ask for another where needed."""
        raise NotImplementedError

    def say(self, text: str, *, warning: bool = False) -> None:
        """Tell something in passing."""
        raise NotImplementedError

    def action_show_tab(self, tab: str) -> None:
        """Show a tab."""
        raise NotImplementedError

    @property
    def curves(self) -> CurvesPane:
        """The tab of curves."""
        return self.query_one(CurvesPane)

    def action_choose_metric(self) -> None:
        """Ask for the metric of the large chart."""
        run = self.view.run
        if run is None or not run.curves.charts:
            self.say("There are no metrics to choose from yet.")
            return
        current = chosen_chart(run, self.curves.looks.quantity)
        choices = []
        for chart in run.curves.charts:
            latest = [run.values[name] for name in chart.metrics if name in run.values]
            value = formatting.number(latest[-1], chart.unit) if latest else ""
            choices.append((chart.quantity, chart.title, f"{value}  {chart.panel}".strip()))
        screen = ChoiceScreen("Which metric?", choices, current.quantity if current else "")
        self.app.push_screen(screen, self._metric_chosen)

    def _metric_chosen(self, quantity: str | None) -> None:
        if quantity is not None:
            self.action_curve(quantity)

    def action_curve(self, quantity: str) -> None:
        """Show the curves of a quantity."""
        self.curves.looks = replace(self.curves.looks, quantity=quantity, log=False)
        self.action_show_tab("curves")
        self.redraw()

    @on(CurvesPane.QuantityWanted)
    def _quantity_wanted(self, event: CurvesPane.QuantityWanted) -> None:
        self.action_curve(event.quantity)

    def action_log_scale(self) -> None:
        """Change between linear and logarithmic."""
        self.curves.looks = replace(self.curves.looks, log=not self.curves.looks.log)
        self.redraw()

    def action_whole(self) -> None:
        """Show the steep first stretch, or leave it off."""
        self.curves.looks = replace(self.curves.looks, whole=not self.curves.looks.whole)
        self.redraw()

    def action_next_x(self) -> None:
        """Go on to the next x axis."""
        self.say(f"x axis: {self.curves.next_x()}")
        self.redraw()

    def action_smooth(self, by: int) -> None:
        """Smooth more or less."""
        self.curves.smooth(by)
        self.redraw()
