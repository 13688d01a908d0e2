#!/bin/sh
# Builds rehome.o, sam.o and exit.o from the .bpf.c files, byte for byte the same everywhere: sh bpf/build.sh [DIRECTORY]
# Needs clang-14 and linux-libc-dev (Debian 12: apt-get install clang-14 linux-libc-dev).
set -eu
cd "$(dirname "$0")"
out=${1:-.}
multiarch=/usr/include/$(uname -m)-linux-gnu
for program in rehome sam exit; do
  clang-14 -target bpf -mcpu=v3 -O2 -g0 -Wall -Wextra -Werror -fno-ident -fno-asynchronous-unwind-tables \
    -idirafter "$multiarch" -idirafter /usr/include -c "$program.bpf.c" -o "$out/$program.o"
done
