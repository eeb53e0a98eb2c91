"""`python -m genexplorer.cli` is `genexplorer`."""

from genexplorer.cli.main import main

main()
