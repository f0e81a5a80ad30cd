"""What REST tells: flat camelCase records, times in RFC 3339, absent fields left out. The same words as the documents.

These records are the answers' schema in OpenAPI; they read the model and decide nothing.
"""
