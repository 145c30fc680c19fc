"""Where a page begins, as a sealed text: a row number would tell a caller how much is hidden between."""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connector.errors import BadInput

_BLOCK: Final = 16


class Cursors:
    """Seals row numbers with a key that only this connector has, the same after a restart."""

    def __init__(self, secret: str) -> None:
        key = hashlib.sha256(b"madang-cursor\n" + secret.encode("utf-8")).digest()
        # One block, and never two alike: a permutation of numbers is all that is wanted of it.
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305

    def seal(self, number: int) -> str:
        """A row number as 32 hex digits."""
        encryptor = self._cipher.encryptor()
        return (encryptor.update(number.to_bytes(_BLOCK, "big")) + encryptor.finalize()).hex()

    def open(self, text: str, pointer: str) -> int:
        """The row number behind a cursor.

        Raises:
            BadInput: it is no cursor of ours.
        """
        try:
            raw = bytes.fromhex(text) if len(text) == 2 * _BLOCK and text.isascii() else b""
        except ValueError:
            raw = b""
        if len(raw) == _BLOCK:
            decryptor = self._cipher.decryptor()
            number = int.from_bytes(decryptor.update(raw) + decryptor.finalize(), "big")
            if number < 1 << 63:
                return number
        raise BadInput("is no cursor of this catalog; begin again without it", pointer=pointer)
