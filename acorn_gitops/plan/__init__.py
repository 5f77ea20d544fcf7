"""What would change, and why. Comes in: desired, live and last-applied resources. Goes out: a `Plan`.

`change` holds the values, `diff` compares one store three ways, `drift` compares live with last applied
only, `document` makes a plan of it: ordered, content-addressed, a file that can be reviewed and applied once.
Everything here is a pure function of its arguments.
"""
