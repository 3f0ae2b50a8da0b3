"""The analysis of query strategies: the same loop, with the known labels as oracle, for every cell of a plan."""
