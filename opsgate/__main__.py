"""`opsgate` and `python -m opsgate`: the command line."""

import warnings

# Connexion imports Starlette's test client, which would like a newer httpx. Neither is used here.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")

from opsgate.cli import main  # noqa: E402 - the filter comes first

if __name__ == "__main__":
    main()
