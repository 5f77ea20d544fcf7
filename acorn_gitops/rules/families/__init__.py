"""The rules themselves, one room for each family of ids. Comes in: a `Context`. Goes out: findings. Caller:
`registry`, which imports every module below: adding a rule is adding a function, and a family a file.
"""
