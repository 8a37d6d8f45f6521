"""Existing projects: weights that sit in commits, in Git LFS or in DVC move to models.yaml and the store.

`choose` finds them, `keep` brings their bytes into the store, `rewrite` makes new commits of old ones
in git's object database, and `moving` lets the refs follow, last and in one step.
"""
