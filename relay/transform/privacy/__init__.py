"""What hides things. All of it fails closed: what cannot be hidden is not shown.

A picture that is to be hidden, in part or whole, leaves here only when all of its work is done. Whatever goes wrong on
the way (a model that is missing, a detector that raises, an output that is no number) is raised, and the chain shows
black in its place; a detector that takes too long lets nothing pass meanwhile. docs/privacy.md says it for owners.
"""
