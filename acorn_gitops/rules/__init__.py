"""What is true of specs. Comes in: a configuration and the present instant; in later phases changes, prices,
authors. Goes out: findings.

`registry` collects and runs the rules of `families/`, one room for each family of ids (general GEN, store
STO, sku SKU, role ROL, tax TAX, promo PRO, onboarding ONB, integration INT, monitor MON), and those of the
repository itself in CEL (`custom`); `waivers` says how a finding counts here. A new rule is one decorated
function with its cases in `case_files/`. What loading alone can decide is listed in `registry`, so that every
id is documented.
"""
