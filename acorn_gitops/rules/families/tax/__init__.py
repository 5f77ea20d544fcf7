"""TAX: who owes which tax, and whether the specs say so."""
