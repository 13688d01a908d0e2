import type pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** What colours mean in drawings. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  dim(text: string): string;
  strong(text: string): string;
}

export const paintWith = (colors: Colors): Paint => ({
  good: colors.green,
  bad: colors.red,
  warn: colors.yellow,
  dim: colors.dim,
  strong: colors.bold,
});

const same = (text: string): string => text;
export const PLAIN: Paint = { good: same, bad: same, warn: same, dim: same, strong: same };
