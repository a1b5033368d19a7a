"""The plugins that come with this service, off unless `[hoplite] builtin_plugins` names them.

The directory `published` lists them as an installed package would. Only jobs that run one of them have it on their
search path; were they entry points of ours, every Python in which this service is installed would offer them.
"""
