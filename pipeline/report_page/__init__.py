"""The whole data set on one page: what there is, where it came from, and what is wrong with it."""
