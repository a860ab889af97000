"""`python -m eveproc` -> the command eveproc, where no command is on the PATH."""

from eveproc.cli import main

if __name__ == "__main__":
    main()
