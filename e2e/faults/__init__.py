"""Faults as verbs: what each does to a running system, and how one sees that the system is whole again."""
