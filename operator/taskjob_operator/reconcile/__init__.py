"""TaskJobs and engine jobs kept in step: what is known, what is to be done, and the loops that do it."""
