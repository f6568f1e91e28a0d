"""Tokens and account ids as keyed hashes (HMAC-SHA256, RFC 2104), quarantined lines under a key of the same secret.

Spark shows its plans in explain, the UI and the event log, literals and all. So the key is never a literal: it is the
content of a frame of one row, whose values no plan shows, and every row meets it in a broadcast join.
"""

from __future__ import annotations

import hashlib
import hmac

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.column_names import quoted
from segmentation.local_rows import local_frame

TOKEN, ACCOUNT = "token", "account"
#: our identifying columns: its kind, and the 64-bit key that is computed from it
_IDENTIFIERS = {"token": (TOKEN, "token_key"), "account_id": (ACCOUNT, "account_key")}
#: characters of the hash that are kept: 128 bits, so that two of a billion ids will not meet
LENGTH = 32
_INNER, _OUTER, _SEAL = "_key_inner", "_key_outer", "_key_seal"
_BLOCK = 64  # bytes that SHA-256 takes at a time, to which RFC 2104 fills up the key
_IV = 12  # bytes of an initialisation vector of AES-GCM


def keyed_id(key: bytes, kind: str, text: str) -> str:
    """What stands in the tables for a token or an account id: `kind` is TOKEN or ACCOUNT, equal texts of which differ.

    `text` has to be spelled as in `events`.
    """
    return hmac.digest(key, f"{kind}:{text}".encode(), "sha256").hex()[:LENGTH]


def key_frame(spark: SparkSession, key: bytes) -> DataFrame:
    """One row: the key in the forms in which the functions below need it. Neither show nor store it."""
    short = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
    padded = short.ljust(_BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in padded) for pad in (0x36, 0x5C))
    row = (inner, outer, hmac.digest(key, b"seal:", "sha256"))
    return local_frame(spark, [row], f"{_INNER} binary, {_OUTER} binary, {_SEAL} binary")


def hash_identifiers(rows: DataFrame, keys: DataFrame) -> DataFrame:
    """The rows with `keyed_id` in the columns token and account_id; null stays null.

    Where `token_key` and `account_key` are among the columns they are computed again: a hash without a key would give
    the identifiers away to whoever tries all of them.
    """
    macs = {name: _mac(kind, F.col(name)) for name, (kind, _) in _IDENTIFIERS.items()}
    hashed = _replace(rows, keys, {name: F.substring(mac, 1, LENGTH) for name, mac in macs.items()})
    again = {number: name for name, (_, number) in _IDENTIFIERS.items() if number in rows.columns}
    return hashed.withColumns({n: F.when(F.col(name).isNotNull(), F.xxhash64(name)) for n, name in again.items()})


def hash_row_hash(rows: DataFrame, keys: DataFrame, column: str) -> DataFrame:
    """The rows with the whole-row hash in `column` under the key, a long again; equal ones stay equal, null stays null.

    Without the key, whoever knows the rest of a row could try identifiers until the hash fits.
    """
    keyed = F.when(F.col(column).isNotNull(), F.xxhash64(_mac("row", F.col(column).cast("string"))))
    return _replace(rows, keys, {column: keyed})


def seal(rows: DataFrame, keys: DataFrame) -> DataFrame:
    """The rows with `raw` (text or bytes) AES-256-GCM encrypted into bytes; null stays null.

    Equal content gives equal bytes, so that hashes over the table repeat: the initialisation vector is taken from an
    HMAC of the content instead of drawn. It shows which rows are equal and how long they are, and nothing else.
    """
    plain = F.col("raw").cast("binary")
    start = F.substring(F.unhex(_mac("iv", plain)), 1, _IV)
    return _replace(rows, keys, {"raw": F.aes_encrypt(plain, F.col(_SEAL), F.lit("GCM"), F.lit("DEFAULT"), start)})


def open_sealed(rows: DataFrame, keys: DataFrame) -> DataFrame:
    """The rows with the original bytes in `raw` again. Under another key Spark raises AES_CRYPTO_ERROR."""
    return _replace(rows, keys, {"raw": F.aes_decrypt(F.col("raw"), F.col(_SEAL), F.lit("GCM"))})


def _mac(kind: str, content: Column) -> Column:
    """HMAC-SHA256 of `kind:` and the bytes of a text or binary column, as 64 hex characters; null of null."""
    message = F.concat(F.lit(f"{kind}:").cast("binary"), content.cast("binary"))
    inner = F.unhex(F.sha2(F.concat(F.col(_INNER), message), 256))
    return F.sha2(F.concat(F.col(_OUTER), inner), 256)


def _replace(rows: DataFrame, keys: DataFrame, columns: dict[str, Column]) -> DataFrame:
    """The rows with new values in some columns; the key leaves again in the very select that it enters."""
    crossed = rows.crossJoin(F.broadcast(keys))
    return crossed.select(*(columns.get(name, F.col(quoted(name))).alias(name) for name in rows.columns))
