"""One file a model: a function that builds it for given data."""
