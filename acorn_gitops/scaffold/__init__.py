"""The files that `acorn init` writes, as they are written. Caller: cli `init`."""
