import { existsSync } from 'node:fs';

/**
 * Why the tests on network namespaces cannot run here, or undefined when they can. They are a matter of root:
 * `describe.skipIf(needsRoot() !== undefined)`; the reason is printed once per file.
 */
export function needsRoot(): string | undefined {
  const reason =
    process.platform !== 'linux'
      ? `needs Linux, this is ${process.platform}`
      : process.getuid?.() !== 0
        ? 'needs root (network namespaces); run it with sudo'
        : undefined;
  if (reason !== undefined) note(reason);
  return reason;
}

/** As needsRoot, and /dev/net/tun must be there. */
export function needsTun(): string | undefined {
  const reason = needsRoot();
  if (reason !== undefined || existsSync('/dev/net/tun')) return reason;
  note('needs /dev/net/tun (modprobe tun)');
  return 'needs /dev/net/tun (modprobe tun)';
}

let printed = false;
function note(reason: string): void {
  if (!printed) process.stderr.write(`skipped: ${reason}\n`);
  printed = true;
}
