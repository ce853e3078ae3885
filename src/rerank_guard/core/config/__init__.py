"""The configuration of a run: which options there are, where they are read from, and what came from where.

Only the standard library is imported here, so that an idle pytest run imports no numpy.
"""
