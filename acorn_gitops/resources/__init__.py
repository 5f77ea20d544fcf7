"""What acorn knows of each type of resource: one file a type, which imports only the model. `registry` finds
the files; what other rooms need of all types (waves, fixed attributes, references, wire schema) is derived
there.

A further type is a file here with a `TYPE`, and one of the same name in `compile` with the way there and
back.
"""
