#!/usr/bin/env python3
"""A second implementation of the SAM mapping, for tests only.

Written from draft-despres-sam-03 section 3.2 with the Python standard library, sharing nothing with src/sam: it works
on strings of the characters 0 and 1. Reads one question per line, writes one answer per line; fields are separated by
blanks, addresses are 32 hexadecimal digits, "-" is an empty field.

  map CONSTANT LENGTH SUBNET IID ZONE LENGTH TAIL   subnet and IID infix (hex digits) to a local address, and to the
                                                    global prefix under ZONE; TAIL is what follows it in an address
  local ADDRESS                                     a local address taken apart
  global CONSTANT LENGTH ZONE LENGTH ADDRESS        whom a global address designates
"""

import sys


class Refused(Exception):
    pass


def bits(hex_digits):
    return "".join(format(int(digit, 16), "04b") for digit in hex_digits)


def hexa(bit_string):
    if bit_string == "":
        return "-"
    return format(int(bit_string, 2), "0%dx" % (len(bit_string) // 4))


def field(text):
    return "" if text == "-" else bits(text)


# -- section 3.2.1, figure 4 ----------------------------------------------------------------------------------------


def subnet_prefix(constant, subnet):
    used = constant + subnet
    if len(used) > 60 or len(subnet) > 28:
        raise Refused("subnet-infix-too-long")
    return used.ljust(60, "0") + "0" + format(len(subnet) // 4, "03b")


def split_subnet_prefix(first):
    if first.startswith(bits("fcf")):
        constant = first[:12]
    elif first.startswith(bits("fd")):
        constant = first[:48]
    else:
        raise Refused("not-a-sam-prefix")
    if first[60] != "0":
        raise Refused("stray-subnet-bit")
    size = 4 * int(first[61:64], 2)
    rest = first[len(constant):60]
    if size > len(rest):
        raise Refused("subnet-infix-too-long")
    if "1" in rest[size:]:
        raise Refused("stray-subnet-bit")
    return constant, rest[:size]


# -- section 3.2.2, figure 5 ----------------------------------------------------------------------------------------


def interface_id(infix):
    if len(infix) > 56:
        raise Refused("iid-infix-too-long")
    return format(len(infix) // 8, "04b") + "1111" + infix.rjust(56, "0")


def split_interface_id(last):
    if last[4:8] != "1111":
        raise Refused("not-a-sam-iid")
    size = 8 * int(last[:4], 2)
    if size > 56:
        raise Refused("iid-infix-too-long")
    unused, infix = last[8:64 - size], last[64 - size:]
    if "1" in unused:
        raise Refused("stray-iid-bit")
    return infix


def local_address(constant, subnet, infix):
    if subnet + infix == "":
        raise Refused("no-infix")
    return subnet_prefix(constant, subnet) + interface_id(infix)


def split_local_address(address):
    constant, subnet = split_subnet_prefix(address[:64])
    infix = split_interface_id(address[64:])
    if subnet + infix == "":
        raise Refused("no-infix")
    return constant, subnet, infix


# -- section 3.2.3, figure 6 ----------------------------------------------------------------------------------------


def global_infix(subnet, infix):
    return "0" + format(len(subnet) // 4, "03b") + format(len(infix) // 8, "04b") + subnet + infix


def delegated(zone, subnet, infix):
    prefix = zone + global_infix(subnet, infix)
    if len(prefix) > 128:
        raise Refused("infix-past-the-end")
    return prefix


def designated(constant, zone, address):
    if not address.startswith(zone):
        raise Refused("outside-prefix")
    rest = address[len(zone):]
    if "1" not in rest:
        return "itself"
    if rest[0] == "1":
        raise Refused("unknown-infix-format")
    if len(rest) < 8:
        raise Refused("infix-past-the-end")
    subnet_size, iid_size = 4 * int(rest[1:4], 2), 8 * int(rest[4:8], 2)
    if iid_size > 56:
        raise Refused("iid-infix-too-long")
    if subnet_size + iid_size == 0:
        raise Refused("stray-after-empty-infix")
    fields = rest[8:]
    if subnet_size + iid_size > len(fields):
        raise Refused("infix-past-the-end")
    if len(constant) + subnet_size > 60:
        raise Refused("subnet-infix-too-long")
    subnet, infix = fields[:subnet_size], fields[subnet_size:subnet_size + iid_size]
    used = len(zone) + 8 + subnet_size + iid_size
    return "%s %s %d" % (hexa(local_address(constant, subnet, infix)), hexa(address[:used].ljust(128, "0")), used)


# -- questions ------------------------------------------------------------------------------------------------------


def answer(words):
    kind = words[0]
    if kind == "map":
        constant = bits(words[1])[:int(words[2])]
        subnet, infix = field(words[3]), field(words[4])
        zone, tail = bits(words[5])[:int(words[6])], bits(words[7])
        local = local_address(constant, subnet, infix)
        prefix = delegated(zone, subnet, infix)
        inside = prefix + tail[len(prefix):]
        back = designated(constant, zone, inside)
        return "%s %s %d %s" % (hexa(local), hexa(prefix.ljust(128, "0")), len(prefix), back)
    if kind == "local":
        constant, subnet, infix = split_local_address(bits(words[1]))
        return "%d %s %s" % (len(constant), hexa(subnet), hexa(infix))
    if kind == "global":
        constant = bits(words[1])[:int(words[2])]
        return designated(constant, bits(words[3])[:int(words[4])], bits(words[5]))
    raise SystemExit("no such question: " + kind)


def main():
    out = []
    for line in sys.stdin:
        try:
            out.append(answer(line.split()))
        except Refused as refused:
            out.append("refused " + str(refused))
    sys.stdout.write("\n".join(out) + "\n")


main()
