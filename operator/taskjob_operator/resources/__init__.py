"""What the operator applies for a TaskQueue: pure functions from documents to Kubernetes objects."""
