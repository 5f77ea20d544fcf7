"""`python -m acorn_gitops` is `acorn`."""

from acorn_gitops.cli import main

if __name__ == "__main__":
    main()
