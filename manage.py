#!/usr/bin/env python
"""Command line of the project. Starts the embedded PostgreSQL where no DATABASE_URL is set."""

import os
import signal
import sys
from pathlib import Path

# The Python client is a package of its own; what uses it here, takes it from here.
sys.path.append(str(Path(__file__).resolve().parent / "clients" / "python" / "src"))

from manticscore import embedded_postgres

WITHOUT_DATABASE = {
    "chaos",
    "clerk_token",
    "help",
    "--help",
    "-h",
    "version",
    "--version",
    "compilemessages",
    "makemessages",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "manticscore.settings")
    from django.core.management import execute_from_command_line

    if len(sys.argv) > 1 and WITHOUT_DATABASE.isdisjoint(sys.argv[1:]):
        try:
            embedded_postgres.start_unless_configured()
        except OSError as error:
            sys.exit(f"Cannot use {embedded_postgres.data_dir()} (DATA_DIR): {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
