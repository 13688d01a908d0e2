#!/usr/bin/env python3
"""A second implementation of CGA, HBA and Shim6 locator signatures, for tests only.

Written from RFC 3972, 4581, 5535 and 5533 section 5.15.5 with the Python standard library, sharing nothing with
src/identity. Reads one JSON object per line, writes one answer per line; all octets are hexadecimal.
"""

import hashlib
import json
import sys

RSA_OID = bytes.fromhex("2a864886f70d010101")
SHA1_DIGEST_INFO = bytes.fromhex("3021300906052b0e03021a05000414")
SHIM6_TAG = int("4A3056624858574B3655416F506A6D48", 16).to_bytes(16, "big")
MASK1 = 0x1CFFFFFFFFFFFFFF


# -- ASN.1 DER --------------------------------------------------------------------------------------------------


def der(tag, body):
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + body


def der_uint(number):
    # One bit more than the number has: the sign.
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def rsa_public_key_info(modulus, exponent):
    algorithm = der(0x30, der(0x06, RSA_OID) + der(0x05, b""))
    key = der(0x30, der_uint(modulus) + der_uint(exponent))
    return der(0x30, algorithm + der(0x03, b"\0" + key))


def der_read(data):
    """(tag, body, rest)"""
    tag, size, start = data[0], data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        raise ValueError("short")
    return tag, data[start : start + size], data[start + size :]


def split_parameters(octets):
    """modifier, prefix, collision count, key (as encoded), extension octets"""
    tail = octets[25:]
    rest = der_read(tail)[2]
    return octets[:16], octets[16:24], octets[24], tail[: len(tail) - len(rest)], rest


def modulus_and_exponent(info):
    _, body, _ = der_read(info)
    _, _, rest = der_read(body)
    _, bits, _ = der_read(rest)
    _, numbers, _ = der_read(bits[1:])
    _, n, rest = der_read(numbers)
    _, e, _ = der_read(rest)
    return int.from_bytes(n, "big"), int.from_bytes(e, "big")


# -- hashes -----------------------------------------------------------------------------------------------------


def leftmost(bits, data):
    return int.from_bytes(hashlib.sha1(data).digest(), "big") >> (160 - bits)


def find_modifier(modifier, sec, key, extensions):
    """RFC 3972 section 4, steps 2 and 3."""
    number = int.from_bytes(modifier, "big")
    while True:
        candidate = number.to_bytes(16, "big")
        hash2 = leftmost(112, candidate + bytes(9) + key + extensions)
        if hash2 >> (112 - 16 * sec) == 0:
            return candidate, hash2
        number = (number + 1) % (1 << 128)


def make_address(prefix, modifier, collision, sec, key, extensions):
    """RFC 3972 section 4, steps 5 to 7 and 9."""
    parameters = modifier + prefix + bytes([collision]) + key + extensions
    hash1 = leftmost(64, parameters)
    identifier = (hash1 & MASK1) | (sec << 61)
    return prefix + identifier.to_bytes(8, "big"), parameters, hash1


# -- what the tests ask -------------------------------------------------------------------------------------------


def multi_prefix(with_key, prefixes):
    """RFC 5535 section 5."""
    flags = (1 << 31 if with_key else 0).to_bytes(4, "big")
    return b"\x00\x12" + (8 * len(prefixes) + 4).to_bytes(2, "big") + flags + b"".join(prefixes)


def tlv(extension):
    data = bytes.fromhex(extension["data"])
    return extension["type"].to_bytes(2, "big") + len(data).to_bytes(2, "big") + data


def generate(q):
    prefixes = [bytes.fromhex(p) for p in q["prefixes"]]
    if "key" in q:
        key = bytes.fromhex(q["key"])
    else:
        key = rsa_public_key_info(int(q["extendedModifier"], 16), 65537)
    extensions = b"".join(tlv(e) for e in q.get("extensions", []))
    if q["op"] == "hba":
        extensions = multi_prefix("key" in q, prefixes)
    modifier, hash2 = find_modifier(bytes.fromhex(q["modifier"]), q["sec"], key, extensions)
    made = [make_address(p, modifier, q["collisionCount"], q["sec"], key, extensions) for p in prefixes]
    return {
        "addresses": [a.hex() for a, _, _ in made],
        "parameters": [p.hex() for _, p, _ in made],
        "hash1": ["%016x" % h for _, _, h in made],
        "hash2": "%028x" % hash2,
        "modifier": modifier.hex(),
    }


def verify_cga(address, octets):
    """RFC 3972 section 5."""
    modifier, prefix, collision, key, extensions = split_parameters(octets)
    if collision > 2 or prefix != address[:8]:
        return False
    identifier = int.from_bytes(address[8:], "big")
    if (leftmost(64, octets) ^ identifier) & MASK1:
        return False
    sec = identifier >> 61
    return leftmost(112, modifier + bytes(9) + key + extensions) >> (112 - 16 * sec) == 0


def verify_hba(address, octets):
    """RFC 5535 section 7.2."""
    *_, extensions = split_parameters(octets)
    prefixes = []
    while extensions:
        kind, size = int.from_bytes(extensions[:2], "big"), int.from_bytes(extensions[2:4], "big")
        if kind == 0x0012:
            body = extensions[8 : 4 + size]
            prefixes = [body[i : i + 8] for i in range(0, len(body), 8)]
        extensions = extensions[4 + size :]
    if address[:8] not in prefixes or address[8] >> 5 > 2:
        return False
    return verify_cga(address, octets[:16] + address[:8] + octets[24:])


def encoded_message(q, size):
    """EMSA-PKCS1-v1_5 over what RFC 5533 section 5.15.5 lists."""
    message = SHIM6_TAG + q["generation"].to_bytes(4, "big")
    message += b"".join(bytes.fromhex(a) for a in q["locators"])
    info = SHA1_DIGEST_INFO + hashlib.sha1(message).digest()
    return b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info


def sign(q):
    n, d = int(q["n"], 16), int(q["d"], 16)
    size = (n.bit_length() + 7) // 8
    value = pow(int.from_bytes(encoded_message(q, size), "big"), d, n)
    return {"signature": value.to_bytes(size, "big").hex()}


def check(q):
    *_, key, _ = split_parameters(bytes.fromhex(q["parameters"]))
    n, e = modulus_and_exponent(key)
    size = (n.bit_length() + 7) // 8
    signature = bytes.fromhex(q["signature"])
    value = pow(int.from_bytes(signature, "big"), e, n).to_bytes(size, "big")
    return {"ok": len(signature) == size and value == encoded_message(q, size)}


def verify(q):
    procedure = verify_hba if q["op"] == "verifyHba" else verify_cga
    try:
        return {"ok": procedure(bytes.fromhex(q["address"]), bytes.fromhex(q["parameters"]))}
    except (ValueError, IndexError):
        return {"ok": False}


ANSWERS = {
    "cga": generate,
    "hba": generate,
    "verifyCga": verify,
    "verifyHba": verify,
    "sign": sign,
    "check": check,
}

for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps(ANSWERS[question["op"]](question)))
