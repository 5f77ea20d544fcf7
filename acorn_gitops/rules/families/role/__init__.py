"""ROL: who may do what, and whether they should."""
