"""Hints for the alerts that a training raises: the meaning of the alert, and the setting to change."""

ALERT_HINTS = {  # hints by the code of their alert
    "kl_warmup_shortened": "Lower model.kl_warmup, or train longer.",
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
    "setting_not_changed": "A change that was requested with the resume, or recorded before, cannot be made. The "
    "training goes on without it. 'genexplorer runs set RUN' lists the settings that can change, with their limits.",
    "resume_not_exact": "The training is sound, but not bit for bit what it would have been without the interruption. "
    "If that matters (execution.deterministic), resume with the same versions and number of threads.",
    "not_compiled": "The training is correct, but slower than it could be. Usually a C++ compiler is missing (Debian: "
    "apt install g++); execution.compile=off skips the attempt.",
    "temporary_cache": "The training is correct. Compiled code is lost with the temporary folder, so the next start "
    "compiles again. Make the cache folder writable, or set XDG_CACHE_HOME to one that is.",
    "initial_weights": "The training starts from the weights of another run, where name and shape fit. The others are "
    "random, as without --init.",
    "images_skipped": "These files cannot be decoded as images; all others are used. Repair or remove them, and start "
    "a new run to train on them as well.",
    "threads_limited": "The environment limits OpenMP's threads, as batch systems do for the cores they assign. The "
    "results are the same, the training is slower. Request more cores, raise the limit, or lower execution.threads.",
}
