"""Files to specs. Comes in: a repository's bytes. Goes out: a `Configuration`, or every error at once.

`text` decodes, `fast` and `strict` parse YAML 1.2 with one meaning (`scalars`), `tables` reads CSV,
`confine` keeps every path inside the repository, `gate` holds documents against the published schemas,
`resolve` merges defaults, templates and overlays, `load` runs these in order. `fmt` and `edit` write.
"""
