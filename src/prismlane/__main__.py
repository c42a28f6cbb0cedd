"""`python -m prismlane` is the command line."""

from prismlane.cli.main import main

if __name__ == "__main__":
    main()
