"""The alerts of a run, each with what it means and what helps."""

from textual.content import Content

from genexplorer.dashboard.screens.text import TextScreen
from genexplorer.dashboard.view import RunView
from genexplorer.runs.record import AlertRow
from genexplorer.session import formatting

ADVICE = {  # by the code of the alert
    "kl_dim_collapsed": "The decoder has learned to ignore this dimension. A smaller model.beta, KL warm-up "
    "(model.kl_warmup) or a smaller latent_dim helps; in a 20-dimensional model a few unused ones are usual.",
    "loss_not_finite": "A step gave NaN or infinity; the weights before it are kept. Lower optim.lr, set "
    "optim.grad_clip (1 to 10), or use float32.",
    "loss_spike": "One step was much worse than those before it. If the curve comes back by itself, nothing is lost; "
    "if it recurs, lower optim.lr or set optim.grad_clip (1 to 10).",
    "evaluation_not_finite": "The training figure is still finite, so some test images lie far outside of what was "
    "learned, or the weights are about to diverge. Lower optim.lr; resume from a save before this step.",
    "mode_collapse": "Look at the samples: nearly the same picture for every latent. The generator has found what "
    "fools the discriminator now and draws nothing else. model.r1, the loss wasserstein-gp, or a slower generator "
    "(a smaller optim.lr) helps; it seldom comes back by itself.",
    "discriminator_wins": "The generator learns from what fools the discriminator; here nothing does. Lower "
    "model.lr_d_scale, raise model.r1, or make the discriminator smaller.",
    "inverse_inexact": "Going there and back no longer ends where it began: some transform stretches so far that "
    "float32 loses digits. Lower optim.lr, set optim.grad_clip (1 to 10), or use fewer couplings.",
    "samples_off_scale": "Samples land far outside the scale of the data: the inverse is unstable where the training "
    "did not look. Lower optim.lr, set optim.grad_clip (1 to 10); a lower temperature hides it.",
    "resume_not_exact": "The run goes on soundly, but not bit for bit as it would have without the break. "
    "Resume with the same versions and the same threads where that matters (execution.deterministic).",
    "not_compiled": "Nothing is wrong with the training; it is slower than it could be. A C++ compiler (Debian: "
    "apt install g++) is what is missing most often; execution.compile=off leaves the attempt out.",
}


def alerts_screen(run: RunView) -> TextScreen:
    """Return what is known about a run's troubles."""
    parts: list[Content] = []
    if run.watch_for:
        parts += [Content.assemble(("What to look at: ", "bold $accent"), run.watch_for), Content("")]
    if run.problem:
        parts += [Content.assemble(("✗ ", "$warning"), run.problem), Content("")]
    if run.status.reason:
        word = formatting.state_word(run.status.state)
        parts += [Content.assemble((f"{word}: ", "bold $warning"), run.status.reason), Content("")]
    for alert in reversed(run.alerts):
        parts += [_alert(alert), Content("")]
    if run.last_words:
        parts += [Content.assemble(("Last words of the worker", "bold")), Content(run.last_words), Content("")]
    if not parts:
        parts.append(Content.assemble(("No alerts. ", "bold"), "This training looks sound so far."))
    return TextScreen(f"{run.status.name}: what to know", Content("\n").join(parts))


def _alert(alert: AlertRow) -> Content:
    sign = {"info": "·", "warning": "⚠", "error": "✗"}.get(alert.severity, "·")
    head = f"{sign} step {alert.step:,}, {formatting.clock(alert.time)}  "
    advice = ADVICE.get(alert.code, "")
    lines = [Content.assemble((head, "$warning"), (alert.message, "bold"))]
    if advice:
        lines.append(Content(advice))
    return Content("\n").join(lines)
