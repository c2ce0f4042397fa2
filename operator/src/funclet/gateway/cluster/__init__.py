"""A gateway as a process on a cluster."""
