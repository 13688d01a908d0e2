/** Colours that can be told apart, also by most who see colours otherwise (Okabe and Ito), darkened where text. */
const DISTINCT = ['#0072b2', '#d55e00', '#009e73', '#a3448a', '#b38600', '#444444', '#56b4e9'];

/** `count` colours for curves: distinct ones while there are enough, else a scale from blue over green to red. */
export function curveColors(count: number): string[] {
  if (count <= DISTINCT.length) return DISTINCT.slice(0, count);
  return Array.from({ length: count }, (_, i) => {
    const hue = 230 - (230 * i) / (count - 1);
    return `hsl(${hue.toFixed(0)},75%,${hue > 40 && hue < 190 ? 36 : 45}%)`;
  });
}
