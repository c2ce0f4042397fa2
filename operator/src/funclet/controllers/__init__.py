"""Kopf around the reconcile loop: watches and lifecycle, nothing that decides."""
