"""kopf's place: the only modules that import it. They hand on what is watched and decide nothing."""
