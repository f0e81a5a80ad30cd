"""Kubernetes, as far as the operator speaks to it: a thin client over one aiohttp session.

Calls are made once and fail with a `KubeError` that says what the server said; who may wait does so with `patiently`.
"""
