"""What business rules raise, whatever they are about."""


class WrongState(Exception):
    """The thing is not in a state in which this can be done; the sentence says which it is in. Pages show it, REST says 409."""
