"""From an engine job to what a person reads in `status`. Pure."""
