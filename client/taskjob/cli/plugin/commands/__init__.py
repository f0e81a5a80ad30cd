"""The verbs that `kubectl taskjob` has or does in its own way."""
