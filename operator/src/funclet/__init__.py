"""Lambda-style functions for Kubernetes and for a laptop."""
