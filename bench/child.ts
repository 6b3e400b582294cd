// One measurement in a process of its own: `node child.js TASK JSON`. Prints the result and the peak memory as one JSON line.
const [task, json] = process.argv.slice(2);
const { run } = (await import(`./tasks/${task}.js`)) as { run(args: unknown): Promise<object> };
const result = await run(JSON.parse(json ?? '{}'));
const { maxRSS } = process.resourceUsage();
process.stdout.write(`${JSON.stringify({ ...result, peakBytes: maxRSS * 1024 })}\n`, () => process.exit(0));
