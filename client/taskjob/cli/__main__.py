"""`python -m taskjob.cli` is the `taskjob` command."""

from taskjob.cli import main

if __name__ == "__main__":
    main()
