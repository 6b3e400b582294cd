/** Whether what is written there is in colour: on a terminal, unless NO_COLOR asks for none; FORCE_COLOR wants it anywhere. */
export function isColoured({ isTTY = false }: { isTTY?: boolean }): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  return Boolean(FORCE_COLOR) || (isTTY && !NO_COLOR);
}
