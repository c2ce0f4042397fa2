"""Code for pods: archives by their SHA-256, wherever they come from."""
