"""d: the alerts of a run, each with its meaning and a remedy, and the last lines of its log."""

from textual.content import Content

from genexplorer.dashboard.screens.dialogs import TextScreen
from genexplorer.dashboard.view import RunView
from genexplorer.runs.record import AlertRow
from genexplorer.session import formatting

ADVICE = {  # by the code of the alert
    "kl_dim_collapsed": "The decoder ignores this dimension. Lower model.beta, use KL warm-up (model.kl_warmup), or "
    "reduce latent_dim. In a 20-dimensional model a few unused dimensions are normal.",
    "loss_not_finite": "A step gave NaN or infinity; the weights before it are kept. Lower optim.lr, set "
    "optim.grad_clip (1 to 10), or use float32.",
    "loss_spike": "One step was much worse than those before it. If the loss recovers by itself, nothing is lost. "
    "If it recurs, lower optim.lr or set optim.grad_clip (1 to 10).",
    "evaluation_not_finite": "The training loss is still finite, so either some test images are far from the training "
    "data, or the weights are about to diverge. Lower optim.lr; resume from a checkpoint before this step.",
    "mode_collapse": "Check the samples: nearly the same image for every latent. The generator has found one output "
    "that fools the discriminator. Increase model.r1, use the loss wasserstein-gp, or slow the generator down with a "
    "smaller optim.lr. Recovery without a change is rare.",
    "discriminator_wins": "The generator gets no useful gradient, because the discriminator rejects all its samples. "
    "Lower model.lr_d_scale, increase model.r1, or make the discriminator smaller.",
    "inverse_inexact": "The round trip x → z → x is inexact: some transform scales so much that float32 loses digits. "
    "Lower optim.lr, set optim.grad_clip (1 to 10), or use fewer couplings.",
    "samples_off_scale": "Samples are far outside the range of the data: the inverse is unstable away from the "
    "training data. Lower optim.lr or set optim.grad_clip (1 to 10); a lower temperature hides it.",
    "resume_not_exact": "The training is sound, but not bit for bit what it would have been without the interruption. "
    "If that matters (execution.deterministic), resume with the same versions and number of threads.",
    "not_compiled": "The training is correct, but slower than it could be. Usually a C++ compiler is missing (Debian: "
    "apt install g++); execution.compile=off skips the attempt.",
}


def diagnosis_screen(run: RunView) -> TextScreen:
    """Return a dialog with all that is known about a run's problems."""
    parts: list[Content] = []
    if run.watch_for:
        parts.append(Content.assemble(("What to watch: ", "bold $accent"), run.watch_for))
    if run.problem:
        parts.append(Content.assemble(("✗ ", "$warning"), run.problem))
    if run.status.reason:
        state = formatting.state_word(run.status.state)
        parts.append(Content.assemble((f"{state}: ", "bold $warning"), run.status.reason))
    parts += [_alert(alert) for alert in reversed(run.alerts)]
    if run.log_tail:
        parts.append(Content.assemble(("Last log lines of the worker\n", "bold"), run.log_tail))
    if not parts:
        parts.append(Content.assemble(("No alerts.", "bold"), " No problem detected so far."))
    return TextScreen(f"{run.status.name}: diagnosis", Content("\n\n").join(parts))


def _alert(alert: AlertRow) -> Content:
    symbol = {"warning": "⚠", "error": "✗"}.get(alert.severity, "·")
    head = f"{symbol} step {alert.step:,}, {formatting.clock(alert.time)}  "
    advice = ADVICE.get(alert.code, "")
    return Content.assemble((head, "$warning"), (alert.message, "bold"), f"\n{advice}" if advice else "")
