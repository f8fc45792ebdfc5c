"""What is wrong with this host, why we think so, and what to type.

The standard library of Python 3.10 is enough for it.
"""
