"""`python -m hinge` is the `hinge` command."""

from hinge.cli import main

if __name__ == "__main__":
    main()
