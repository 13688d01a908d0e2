import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Against what hangs, not against what is slow: with other work on the machine, 5 s of computing took 40.
    testTimeout: 90_000,
    hookTimeout: 60_000,
    // Two shared cores: more workers only make the namespaced tests noisier.
    maxWorkers: 2,
    minWorkers: 1,
    reporters: ['default', ['json', { outputFile: 'test-results/report.json' }]],
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'html'] },
  },
});
