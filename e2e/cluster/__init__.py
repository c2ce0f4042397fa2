"""A real Kubernetes for tests, made in seconds on a bare machine, or a cluster that is there already."""
