"""How each library is asked for a batch, as its own documentation says.

An adapter has `STRATEGIES`, row of the table -> what the library calls it, and `start(strategy, X, y, task)`, which returns a
function from the labelled positions, in the order in which they were labelled, to the positions (batch,) to ask next. That
function does one round: train, predict where the strategy wants it, select; each under its phase of the clock. y holds all
labels; an adapter shows its library those of the labelled positions only.
"""
