"""Training: the loop, the session that it drives, schedules, optimizers, evaluation, resume. Needs torch."""
