"""The operator: TaskJobs and TaskQueues of a cluster kept in step with the engine, and the workers that serve them.

It knows the vocabulary (`taskjob`) and Kubernetes, and speaks to the engine only through the api. The operator's own
libraries (kopf, kubernetes, aiohttp) are imported by the modules that use them, never here.
"""
