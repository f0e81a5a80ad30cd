"""TaskQueues: their declared half told to the api, their workers kept as declared, their status kept true."""
