#!/bin/sh
# Builds bpf/rehome.o from bpf/rehome.bpf.c, byte for byte the same everywhere: sh bpf/build.sh [OUTPUT]
# Needs clang-14 and linux-libc-dev (Debian 12: apt-get install clang-14 linux-libc-dev).
set -eu
cd "$(dirname "$0")"
out=${1:-rehome.o}
multiarch=/usr/include/$(uname -m)-linux-gnu
clang-14 -target bpf -mcpu=v3 -O2 -g0 -Wall -Wextra -Werror -fno-ident -fno-asynchronous-unwind-tables \
  -idirafter "$multiarch" -idirafter /usr/include -c rehome.bpf.c -o "$out"
