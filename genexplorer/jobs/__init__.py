"""Long work beside a training, such as exports: background processes with progress."""
