#!/bin/sh
# Builds bpf/NAME.o from bpf/NAME.bpf.c, byte for byte the same everywhere: sh bpf/build.sh [OUTPUT [NAME]]
# Without arguments: every one. Needs clang-14 and linux-libc-dev (Debian 12: apt-get install clang-14 linux-libc-dev).
set -eu
cd "$(dirname "$0")"
multiarch=/usr/include/$(uname -m)-linux-gnu
build() {
  clang-14 -target bpf -mcpu=v3 -O2 -g0 -Wall -Wextra -Werror -fno-ident -fno-asynchronous-unwind-tables \
    -idirafter "$multiarch" -idirafter /usr/include -c "$1.bpf.c" -o "$2"
}
if [ $# -gt 0 ]; then
  build "${2:-rehome}" "$1"
else
  for source in *.bpf.c; do build "${source%.bpf.c}" "${source%.bpf.c}.o"; done
fi
