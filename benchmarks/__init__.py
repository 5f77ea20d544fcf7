"""How fast, next to whom: `generate` makes repositories of any size, `run` times acorn and its peers in one run."""
