"""Data sets: image files, their binarisation, the bundled MNIST."""
