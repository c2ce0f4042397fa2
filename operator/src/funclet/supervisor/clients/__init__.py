"""Funclet's own runtime clients: each is one file that runs alone, inside the runtime process."""
