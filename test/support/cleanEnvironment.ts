/** For a process of its own: without the tester's own secrets, and without what the test runner would load into it. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const { CREDENTIALS_DIRECTORY: _, NODE_OPTIONS: __, ...env } = process.env;
  return env;
}
