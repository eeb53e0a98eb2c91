"""`genexplorer doctor`: checks of the machine, as opposed to `diagnose`, which checks a training."""
