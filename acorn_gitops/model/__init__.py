"""What a team writes and what a marketplace holds: the five kinds and the values they share.

Comes in: nothing of ours; this room is the bottom of the house. Goes out: pydantic models of the five
kinds (`kinds`), the JSON Schemas made of them (`schema`), money, findings, resources and reference tables.
Every other room imports from here. Importing this package loads neither pydantic nor any table, so that
start-up stays instant; the bulk path works on plain data that the published schema has accepted.
"""
