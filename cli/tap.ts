import { IovError } from '../contract/error.js';
import type { TappedItem } from '../dashboard/tapView.js';
import { type Command, complain, EXIT, print, textOption } from './command.js';
import { daemonOf } from './daemon.js';
import { stopSignal } from './stopSignal.js';
import { STORE_HELP, storeOptions } from './store.js';

export const command: Command = {
  usage: 'tap NAME[.OPERATOR] [--count N] [--file FILE | --archive PATH] [--json]',
  help: [
    'Shows items of a running pipeline as they pass, every value masked: what its source gives, or what leaves OPERATOR, called',
    'by its word (`decrypt`) or its place (`operators[1]`). At most 50 a second are shown; the others are counted on stderr.',
    '',
    '  --count N        ends after so many items',
    STORE_HELP,
  ].join('\n'),
  options: { ...storeOptions, count: { type: 'string' } },
  positionalsMax: 1,
  async run(given) {
    const [at] = given.positionals;
    if (at === undefined) {
      complain(`usage: iovpipe ${command.usage}`);
      return EXIT.usage;
    }
    const most = countOf(textOption(given, 'count'));
    const daemon = await daemonOf(given);
    const stop = stopSignal();
    let shown = 0;
    for await (const { event, data } of daemon.events(`/api/tap?at=${encodeURIComponent(at)}`, stop)) {
      if (event === 'skipped' && data !== '0' && !given.values.json) complain(`… ${data} more`);
      if (event !== 'item') continue;
      print(given.values.json ? data : line(daemon.parse<TappedItem>(data)));
      shown += 1;
      if (shown >= most) break;
    }
    if (shown < most && !stop.aborted)
      complain(`iovpipe: nothing more comes of ${at}: a reload changed it, or the daemon has ended`);
    return EXIT.done;
  },
};

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new IovError('USAGE', `--count: expected a whole number from 1, got ${JSON.stringify(text)}`);
}

function line({ shape, origin, tags, records, value }: TappedItem): string {
  const about = [tags.requestId, tags.platformId, tags.code].filter((word) => word !== undefined).join(' ');
  const block = records === undefined || records === 1 ? shape : `${records} records`;
  return [origin, block, about, value ? JSON.stringify(value) : ''].filter((word) => word !== '').join('  ');
}
