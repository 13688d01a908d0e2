/** What is wrong with an SVG text: tags that do not match, numbers that are none. */
export function faultsOf(svg: string): string[] {
  const open = (svg.match(/<(?!\/)[a-z]+/g) ?? []).length;
  const closed = (svg.match(/<\/[a-z]+>|\/>/g) ?? []).length;
  return [
    ...(open === closed ? [] : [`${open} tags open, ${closed} close`]),
    ...(svg.match(/NaN|undefined|Infinity/g) ?? []),
  ];
}
