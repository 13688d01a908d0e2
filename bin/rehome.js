#!/usr/bin/env node
import { existsSync } from 'node:fs';

const entry = new URL('../dist/cli/main.js', import.meta.url);
if (!existsSync(entry)) {
  console.error('rehome: not built yet. Run `npm run build` (or `npm ci`, which builds).');
  process.exit(2);
}
await import(entry.href);
