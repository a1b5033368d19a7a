"""What leaves a request to Connexion."""


class FallThrough(Exception):
    """Raised before anything of the request's body was read: the stack behind shall answer."""
