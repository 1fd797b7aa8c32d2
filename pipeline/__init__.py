"""Photos in, manifest rows and trained runs out: the command line and everything behind it but the networks."""
