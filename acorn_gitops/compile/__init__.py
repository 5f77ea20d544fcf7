"""Specs to desired resources, and back. Comes in: a configuration without errors. Goes out: `DesiredState`.

One file a type of resource, named as the type's file in `resources`, each with a `TRANSLATION`: the way there
(compile) and the way back (for import and export). Here values become canonical: one spelling per amount,
instants in UTC, sets sorted; nothing that was not declared is added.
"""
