/** Loaded into a process with `--import`: its clock runs ahead of the machine's, or behind it, by so much. */
const offsetMs = Number(process.env.IOVPIPE_TEST_CLOCK_OFFSET_MS ?? 0);
const now = Date.now.bind(Date);
Date.now = () => now() + offsetMs;
