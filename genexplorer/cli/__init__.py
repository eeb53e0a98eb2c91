"""The command line: typer only, one file a group of commands; heavy imports wait until a command needs them."""
