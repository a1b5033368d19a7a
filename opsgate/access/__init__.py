"""Who may do what, for all APIs alike: the tokens of ``[server] tokens_file``, read-only service, failed attempts.

What an API's own document says about credentials stays valid beside it: its own layers look at what `gate` has not
recognised, and `gate` lets nobody through to an API of whom neither knows who he is.
"""
