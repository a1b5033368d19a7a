"""`python -m opsgate`: the command line."""

from opsgate.cli import main

if __name__ == "__main__":
    main()
