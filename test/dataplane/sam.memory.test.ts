import { describe } from 'vitest';
import { samCompliance } from './sam.compliance.js';
import { MemoryPath } from './sam.paths.js';

describe('SAM data path in memory', () => {
  samCompliance(() => ({ path: new MemoryPath(), index: 7, run: (fn) => fn() }));
});
