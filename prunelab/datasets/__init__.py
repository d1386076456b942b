"""One file a data set: a function that loads it."""
