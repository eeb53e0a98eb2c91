"""The contenders of `benchmarks.training`: plain loops, other libraries, the peak of the machine, and genexplorer."""
