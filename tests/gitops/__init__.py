"""Whole flows of teams that edit YAML in pull requests."""
