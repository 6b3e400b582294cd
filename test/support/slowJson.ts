/** A strict JSON parser that is easy to see through and slow: what notice/strictJson.ts is compared with. */
export function slowParse(text: string, depthMax: number): unknown {
  let at = 0;
  const fail = (): never => {
    throw new Error(`refused at ${at}`);
  };
  const skip = () => {
    while (' \t\n\r'.includes(text.charAt(at)) && at < text.length) at += 1;
  };
  const take = (wanted: string) => {
    if (!text.startsWith(wanted, at)) fail();
    at += wanted.length;
  };
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? fail();
    at += found.length;
    return found;
  };
  const string = (): string =>
    JSON.parse(match(/"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/uy));
  const list = (depth: number): unknown[] => {
    const entries: unknown[] = [];
    for (take('['), skip(); text[at] !== ']'; skip()) {
      if (entries.length > 0) take(',');
      entries.push(value(depth));
    }
    take(']');
    return entries;
  };
  const object = (depth: number): unknown => {
    const entries: [string, unknown][] = [];
    for (take('{'), skip(); text[at] !== '}'; skip()) {
      if (entries.length > 0) take(',');
      skip();
      const key = string();
      if (['__proto__', 'constructor', 'prototype'].includes(key) || entries.some(([other]) => other === key)) fail();
      skip();
      take(':');
      entries.push([key, value(depth)]);
    }
    take('}');
    return Object.fromEntries(entries);
  };
  const value = (depth: number): unknown => {
    if (depth > depthMax) fail();
    skip();
    const first = text.charAt(at);
    if (first === '{') return depth === depthMax ? fail() : object(depth + 1);
    if (first === '[') return depth === depthMax ? fail() : list(depth + 1);
    if (first === '"') return string();
    return JSON.parse(match(/true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y));
  };
  const whole = value(0);
  skip();
  if (at !== text.length || typeof whole !== 'object' || whole === null || Array.isArray(whole)) fail();
  return whole;
}
