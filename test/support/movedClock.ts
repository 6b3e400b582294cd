/** Loaded into a process with `--import`: its clock runs ahead of the machine's, or behind it, by so much; it ends with its parent. */
const offsetMs = Number(process.env.IOVPIPE_TEST_CLOCK_OFFSET_MS ?? 0);
const now = Date.now.bind(Date);
Date.now = () => now() + offsetMs;

// A test that was ended before its time leaves nobody behind.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.channel?.unref();
