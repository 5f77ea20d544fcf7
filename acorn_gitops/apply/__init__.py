"""Carrying out a plan. Comes in: a plan, open marketplaces, a ledger. Goes out: what became of every change.

`fresh` decides whether the plan still fits, `carry_out` writes it down, sends it and observes it.
"""
