"""`python -m funclet.cli`: the same as `funclet`."""

from funclet.cli import main

main()
