"""A whole node on this machine: Kubernetes as plain root processes, containers by containerd."""
