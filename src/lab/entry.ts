import { fileURLToPath } from 'node:url';

const PROJECT = new URL('../../', import.meta.url); // from src/lab as from dist/lab

/** The `rehome` command. */
export const rehomeCommand = (): string => fileURLToPath(new URL('bin/rehome.js', PROJECT));
