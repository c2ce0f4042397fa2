"""What every process on a cluster is told: its environment, its files, and how it logs."""
