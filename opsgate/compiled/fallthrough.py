"""What leaves a request to Connexion."""


class FallThrough(Exception):  # noqa: N818 - no error: it says who answers
    """Raised before anything of the request's body was read: the stack behind shall answer."""
