"""What business rules raise, whatever they are about."""


class WrongState(Exception):
    """The thing is not in a state in which this can be done; the sentence says which it is in. Pages show it, REST says 409."""


class Refused(ValueError):
    """The request cannot be meant like this: `field` names what is wrong, the sentence says why. REST says 400."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
