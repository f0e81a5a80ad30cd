"""What events can miss: jobs whose TaskJob is gone, and finished TaskJobs whose time is over."""
