"""How ecflow_server wants passwords: as crypt(3) makes them with the user's name for salt.

That is the traditional DES crypt, of which eight characters count. It keeps nobody from anything; the server asks for
it all the same, and compares.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from functools import cache

from opsgate.backends.errors import Unauthenticated, Unsupported

_Crypt = Callable[[bytes, bytes], bytes | None]


def crypted(name: str, password: str) -> str:
    """Return the password of the user `name` as the server wants it.

    Raises:
        Unauthenticated: This user name cannot be salt: the server knows no password of such a user.
        Unsupported: This machine has no crypt(3).
    """
    if "\0" in password:
        raise Unauthenticated(f"ecflow_server takes no such password of user {name!r}")
    result = _function()(password.encode(), name.encode())
    if not result or result.startswith(b"*"):  # how libcrypt tells a bad salt
        raise Unauthenticated(f"ecflow_server can check no password of user {name!r}: that name is no salt for crypt")
    return result.decode("ascii")


@cache
def _function() -> _Crypt:
    names = ["libcrypt.so.1", "libcrypt.so.2", ctypes.util.find_library("crypt"), None]  # None: libc itself
    for name in names:
        try:
            function = ctypes.CDLL(name).crypt
        except (OSError, AttributeError):
            continue
        function.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        function.restype = ctypes.c_char_p
        return function
    raise Unsupported("this machine has no crypt(3), which passwords for ecflow_server need")
