"""Specs to desired resources, and back. Comes in: a configuration without errors. Goes out: `DesiredState`.

One file a kind (`store`, `sku_mapping`, `role_permission`, `tax_rule`, `promo`), each with the way there
(compile) and the way back (decompile, for import and export). Here values become canonical: one spelling
per amount, instants in UTC, sets sorted; nothing that was not declared is added.
"""
