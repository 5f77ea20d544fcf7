"""Claims about acorn. `repository` makes small repositories; each other file holds the claims about one room."""
