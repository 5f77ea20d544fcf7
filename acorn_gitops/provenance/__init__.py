"""Git: which revision, and whose line. Comes in: a repository. Goes out: commits and authors. Callers:
cli."""
