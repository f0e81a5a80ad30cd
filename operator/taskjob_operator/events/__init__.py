"""Kubernetes Events: which turn of things deserves one, and posting them beside everything else, best effort."""
