"""What the cluster knows of worker pods, so that the engine need not wait for their leases to lapse."""
