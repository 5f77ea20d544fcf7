"""What is true of specs. Comes in: a configuration and the present instant. Goes out: findings.

`registry` collects the rules; each other file is one family (`store` STO, `sku` SKU, `role` ROL, `tax` TAX,
`promo` PRO, `reference` GEN). A new rule is one decorated function; a new family is one new file. Loading's
own findings (GEN-001 to GEN-017) are listed in `registry` too, so that every id is documented.
"""
