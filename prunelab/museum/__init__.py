"""The failure museum: mistakes that pruning tools really make, each run as it is made and as not.

One file an exhibit: ``broken`` is the tool's code, ``mended`` the same with its mistake taken out;
the lines in which they differ are the culprit. ``show`` runs both and measures what is true.
"""
