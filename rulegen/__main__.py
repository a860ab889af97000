"""`python -m rulegen` -> the command rulegen, where no command is on the PATH."""

from rulegen.cli import main

if __name__ == "__main__":
    main()
