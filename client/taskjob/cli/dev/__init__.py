"""`taskjob dev`: api, worker and store on one machine, as one command.

A supervisor that owns two kinds of child process and nothing else: it runs no user code, opens no store and
speaks to the api only through `taskjob.client`.
"""
