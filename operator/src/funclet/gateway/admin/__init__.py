"""The administration listener: health, readiness, metrics, and what else is served behind a token."""
