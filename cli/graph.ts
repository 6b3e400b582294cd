import { Faults, formatFault } from '../engine/fault.js';
import { graphOf } from '../engine/graph.js';
import { load } from '../engine/load.js';
import { type Command, complain, EXIT, oneOf, print, printJson, textOption } from './command.js';

const FORMATS = ['mermaid', 'dot', 'svg'] as const;

export const command: Command = {
  usage: 'graph [FILE] [--format mermaid|dot|svg] [--json]',
  help: [
    'Draws the pipelines of FILE (pipeline.yaml): each chain, and what leads from one to another through the archive, due files,',
    'topics, folders and connections. Draws what is written, also where secrets are not there yet; nothing is opened.',
    '',
    '  --format mermaid   a flowchart, as GitHub and many wikis draw it (default)',
    '  --format dot       for Graphviz',
    '  --format svg       a picture, made without any other program',
    '  --json             pipelines, nodes and edges as JSON',
  ].join('\n'),
  options: { format: { type: 'string' }, json: { type: 'boolean' } },
  words: { format: FORMATS },
  positionalsMax: 1,
  async run(given) {
    const format = oneOf(FORMATS, textOption(given, 'format') ?? 'mermaid', '--format');
    const path = given.positionals[0] ?? 'pipeline.yaml';
    const faults = new Faults(path);
    const root = load(path, faults, { secret: () => 'a secret', file: () => undefined });
    if (!root) {
      complain(faults.list().map(formatFault).join('\n\n'));
      return EXIT.refused;
    }
    const graph = graphOf(root.value);
    if (given.values.json) printJson(graph);
    else print((await drawerOf(format))(graph));
    return EXIT.done;
  },
};

async function drawerOf(format: (typeof FORMATS)[number]) {
  if (format === 'dot') return (await import('../engine/drawDot.js')).drawDot;
  if (format === 'svg') return (await import('../engine/drawSvg.js')).drawSvg;
  return (await import('../engine/drawMermaid.js')).drawMermaid;
}
