import pc from 'picocolors';

/** Colours for a terminal, or none. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  dim(text: string): string;
  strong(text: string): string;
}

const same = (text: string): string => text;
export const PLAIN: Paint = { good: same, bad: same, warn: same, dim: same, strong: same };

const colours = pc.createColors(true);
export const COLOURED: Paint = {
  good: colours.green,
  bad: colours.red,
  warn: colours.yellow,
  dim: colours.dim,
  strong: colours.bold,
};

/** Colours only where a person looks, and not against NO_COLOR. */
export const paintFor = (stream: { isTTY?: boolean }): Paint =>
  stream.isTTY === true && pc.isColorSupported ? COLOURED : PLAIN;
