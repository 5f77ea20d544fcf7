"""What follows from the specs by arithmetic: effective prices. Comes in: a configuration. Goes out: prices
with their trace. Callers: rules, cli.

Pure, and deterministic: an instant comes in as an argument, money is counted in minor units, floats never
touch it.
"""
