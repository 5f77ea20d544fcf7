"""Carrying out a plan. Comes in: a plan, open marketplaces, a ledger. Goes out: what became of every change.

`staleness` decides whether the plan still fits; `carry_out` is the order of events: `run` sends and looks,
`journal` writes down what is about to be sent and what became of it, `guard` judges every price before.
"""
