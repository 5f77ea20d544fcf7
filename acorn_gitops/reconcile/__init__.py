"""The library under the commands: from a repository to a plan, and from a plan to stores that match. Callers:
`cli`, servers, scripts."""
