"""Data sets: image files, their binarization, the bundled MNIST."""
