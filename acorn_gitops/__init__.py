"""acorn: marketplace stores, SKUs, permissions, tax and promotions as reviewed YAML.

The rooms are named in the order in which a price change passes through them: `specs` reads files,
`rules` judges them, `compile` turns them into desired resources, `plan` compares these with what a
marketplace holds, `apply` carries the difference out and `ledger` remembers it. `cli` is the door.
"""

__version__ = "0.1.0"
